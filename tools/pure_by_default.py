"""An import-linter contract: every module is pure unless the list of worldly ones names it.

import-linter's own `forbidden` contract names the modules it binds, so a new module would be free until somebody
remembers it. This one binds all and names the exceptions, one by one: the `worldly` modules may import what `world`
lists. A name in the list that needs nothing of the world is an error too, so that the list stays true.
"""

from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class PureByDefaultContract(Contract):
    """No module outside `worldly` imports anything of `world`, and every one in it does."""

    # import-linter turns these fields into sets when it makes a contract of the settings
    world: Any = fields.SetField(subfield=fields.StringField())
    worldly: Any = fields.SetField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002, FBT001 - its interface
        """Collect each import of the world by a module that may not touch it."""
        imports = {
            module: sorted(
                imported
                for imported in graph.find_modules_directly_imported_by(module)
                if imported.partition(".")[0] in self.world
            )
            for module in graph.modules
            if module.partition(".")[0] == "warren"
        }
        found = [
            f"{module} is pure and must not import {imported}"
            for module in sorted(imports.keys() - self.worldly)
            for imported in imports[module]
        ]
        found += [
            f"{module} is listed as worldly and needs not be"
            for module in sorted(self.worldly)
            if not imports.get(module)
        ]
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Say what each module must not do."""
        for sentence in check.metadata["found"]:
            output.print_error(sentence)

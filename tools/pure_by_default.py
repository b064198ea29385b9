"""An import-linter contract: every module is pure unless the list of worldly ones names it.

import-linter's own `forbidden` contract names the modules it binds, so a new module would be free until somebody
remembers it. This one binds all and names the exceptions: `worldly` packages may import what `world` lists, their
submodules in `pure` may not.
"""

from fnmatch import fnmatchcase
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class PureByDefaultContract(Contract):
    """No module outside `worldly`, and none in `pure`, imports anything of `world`."""

    # import-linter turns these fields into sets when it makes a contract of the settings
    world: Any = fields.SetField(subfield=fields.StringField())
    worldly: Any = fields.SetField(subfield=fields.StringField())
    pure: Any = fields.SetField(subfield=fields.StringField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002, FBT001 - its interface
        """Collect each import of the world by a module that may not touch it."""
        found = sorted(
            (module, imported)
            for module in graph.modules
            if module.partition(".")[0] == "warren" and not self._may_touch_the_world(module)
            for imported in graph.find_modules_directly_imported_by(module)
            if imported.partition(".")[0] in self.world
        )
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Name each module and what it must not import."""
        for module, imported in check.metadata["found"]:
            output.print_error(f"{module} is pure and must not import {imported}")

    def _may_touch_the_world(self, module: str) -> bool:
        if any(fnmatchcase(module, pattern.replace("**", "*")) for pattern in self.pure or ()):
            return False
        return any(module == worldly or module.startswith(worldly + ".") for worldly in self.worldly)

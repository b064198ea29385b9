"""What a benchmark promises: each figure beside its must, and whether all hold."""


class Musts:
    """Of one run of one script."""

    def __init__(self) -> None:
        self._missed = 0

    def at_least(self, claim: str, figure: float, must: float) -> None:
        """A figure that is good when it is high."""
        self._tell(claim, figure, f"must {must:,g}", is_kept=figure >= must)

    def at_most(self, claim: str, figure: float, must: float) -> None:
        """One that is good when it is low."""
        self._tell(claim, figure, f"must {must:,g} at most", is_kept=figure <= must)

    def _tell(self, claim: str, figure: float, must: str, *, is_kept: bool) -> None:
        self._missed += not is_kept
        shown = f"{figure:,.2f}" if figure < 1000 else f"{figure:,.0f}"  # a rate of thousands needs no hundredths
        print(f"{claim}: {shown} ({must}){'' if is_kept else ' MISSED'}", flush=True)

    @property
    def code(self) -> int:
        """For the shell: 1 where a must is missed."""
        return 1 if self._missed else 0

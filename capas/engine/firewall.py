"""The private engine's part of the machine's packet filter: two chains of its own.

``dockerd`` would manage iptables by itself, but two of them flush each other's rules. So the
private one runs with ``"iptables": false``, and these few rules give its containers a way
out and keep its networks apart. Everything is in chains of one name, in the filter and the
nat table, each reached by one jump: nothing else is ever touched, and `down` finds it all.

Not covered: a network whose subnet is given by hand outside the engine's pool has no way out.
"""

import shutil
import subprocess
from ipaddress import IPv4Network
from pathlib import Path

from capas.engine.model import EngineError
from capas.language import _

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def iptables_folder(prefix: Path) -> Path | None:
    """Return the folder of our own iptables when the machine has none (else it is the one to use:
    it may be set to the legacy kind)."""
    return None if shutil.which("iptables", path=SYSTEM_PATH) else prefix / "capas/iptables"


class Firewall:
    """The rules of one private engine. Needs root."""

    def __init__(self, chain: str, prefix: Path) -> None:
        self.chain = chain
        folder = iptables_folder(prefix)
        self._command = str(folder / "iptables") if folder else "iptables"

    def up(self, pool: IPv4Network) -> None:
        """Let the containers of `pool` out, and keep its networks from one another."""
        self.down()
        pooled = ["-s", str(pool), "-d", str(pool)]
        self._add("-N", self.chain)
        within = [*pooled, "-m", "physdev", "--physdev-is-bridged", "-j", "ACCEPT"]
        if self._try("-A", self.chain, *within):  # one network, where bridged packets pass here
            self._add("-A", self.chain, *pooled, "-j", "DROP")  # from one network to another
        self._add("-A", self.chain, "-s", str(pool), "-j", "ACCEPT")
        answers = ["-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED"]
        self._add("-A", self.chain, "-d", str(pool), *answers, "-j", "ACCEPT")
        self._add("-I", "FORWARD", "-j", self.chain)
        self._add("-t", "nat", "-N", self.chain)
        outward = ["-s", str(pool), "!", "-d", str(pool)]
        self._add("-t", "nat", "-A", self.chain, *outward, "-j", "MASQUERADE")
        self._add("-t", "nat", "-A", "POSTROUTING", "-j", self.chain)

    def present(self) -> bool:
        """Say whether the rules are there: a firewall's restart takes them away."""
        return self._try("-C", "FORWARD", "-j", self.chain) and self._try(
            "-t", "nat", "-C", "POSTROUTING", "-j", self.chain
        )

    def down(self) -> None:
        """Remove the rules, as far as they are there."""
        for table, parent in (("filter", "FORWARD"), ("nat", "POSTROUTING")):
            while self._try("-t", table, "-D", parent, "-j", self.chain):
                pass
            if self._try("-t", table, "-F", self.chain):
                self._try("-t", table, "-X", self.chain)

    def _add(self, *rule: str) -> None:
        done = self._iptables(*rule)
        if done.returncode:
            words = " ".join(done.stderr.split())
            raise EngineError(
                _(
                    "The engine's network rules could not be set ({reason}): "
                    "iptables must work on this machine for containers to reach the network."
                ).format(reason=words)
            )

    def _try(self, *rule: str) -> bool:
        return self._iptables(*rule).returncode == 0

    def _iptables(self, *rule: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [self._command, "-w", *rule], capture_output=True, text=True, check=False
            )
        except OSError as error:
            return subprocess.CompletedProcess([], 127, "", str(error))

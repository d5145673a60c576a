"""Pictures from a scripted archive that honours the parameters a test names, and ignores all others without a word."""

import io

import numpy
import PIL.Image

SIZE = 64


class Renderer:
    """The `fault` of a ScriptedArchive: answers requests for pictures, in both protocols, and passes on the rest.

    `honours` holds names as `abilities` has them. Every instance has `frames` frames of SIZE by SIZE pixels.
    """

    def __init__(self, *honours, frames=1, counts_from=1):
        self.honours = set(honours)
        self.frames = frames
        self.counts_from = counts_from
        #: Called with the request before it is answered; a status instead of None is the answer.
        self.status = lambda _request: None
        #: Appended to each picture, as a comment would be.
        self.comment = lambda: b""
        self.pictures = []

    def __call__(self, request, conversation, _stored):
        if not request.path.endswith("/rendered") and "image/" not in request.query.get("contentType", ""):
            return False
        self.pictures.append(request)
        status = self.status(request)
        picture = None if status else self.picture(request)
        if picture is None:
            conversation.respond(status or 400, {"Content-Type": "text/plain"}, b"no")
        else:
            conversation.respond(200, {"Content-Type": "image/jpeg"}, picture + self.comment())
        return True

    def picture(self, request):
        """The JPEG file; None for a frame that does not exist."""
        read = {name: value for name, value in parameters(request).items() if name in self.honours}
        number = int(read.get("frame_number", self.counts_from)) - self.counts_from
        if not 0 <= number < self.frames:
            return None
        y, x = numpy.mgrid[0:SIZE, 0:SIZE]
        pixels = (x * 3 + (y // 8) * 5 + number * 11).astype("f8")
        if "window" in read:
            center, width = read["window"]
            pixels = ((pixels - center) / width + 0.5) * 255
        image = PIL.Image.fromarray(pixels.clip(0, 255).astype("u1"))
        if "region" in read:
            left, top, width, height = read["region"]
            image = image.crop((left, top, left + width, top + height))
        if "viewport" in read:
            image.thumbnail(read["viewport"])
        out = io.BytesIO()
        image.save(out, "JPEG", quality=read.get("quality", 80))
        return out.getvalue()


def parameters(request):
    """What a request asks for, of both protocols, by the names of abilities."""
    query, found = request.query, {}
    if "columns" in query:
        found["viewport"] = int(query["columns"]), int(query["rows"])
    if "viewport" in query:
        numbers = [int(number) for number in query["viewport"].split(",")]
        found["viewport"] = tuple(numbers[:2])
        if len(numbers) == 6:
            found["region"] = numbers[2:]
    if "region" in query:
        left, top, right, bottom = (float(number) * SIZE for number in query["region"].split(","))
        found["region"] = int(left), int(top), round(right) - int(left), round(bottom) - int(top)
    if "windowCenter" in query:
        found["window"] = float(query["windowCenter"]), float(query["windowWidth"])
    if "window" in query:
        found["window"] = tuple(float(number) for number in query["window"].split(",")[:2])
    if "quality" in query or "imageQuality" in query:
        found["quality"] = int(query.get("quality") or query["imageQuality"])
    if "frameNumber" in query:
        found["frame_number"] = int(query["frameNumber"])
    if "/frames/" in request.path:
        found["frame_number"] = int(request.path.split("/frames/")[1].split("/")[0])
    return found

"""Upload every file of a folder with tuspy; bench/resume.py says on stdin where to."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError

AT_ONCE = 4
CHUNK = 5 * 2**20  # bytes of one request
PATIENCE = 0.3  # seconds
# 404 and 410 would be bytes that the server has lost; it must not come to that.
AGAIN = {None, 409, 423, 500, 502, 503, 504}


def send(client, path):
    """Upload one file, however often the line is lost."""
    url = None
    while True:
        try:
            uploader = client.uploader(
                str(path), url=url, chunk_size=CHUNK, metadata={"filename": path.name}
            )
            if url is None:
                uploader.set_url(uploader.create_url())
                url = uploader.url
            uploader.upload()
            return
        except TusCommunicationError as error:
            if error.status_code not in AGAIN:
                raise
        except requests.RequestException:
            pass
        time.sleep(PATIENCE)


def main():
    """Send everything, some at a time."""
    job = json.load(sys.stdin)
    client = TusClient(job["endpoint"], headers=job["headers"])
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda path: send(client, path), sorted(Path(job["folder"]).iterdir())))


if __name__ == "__main__":
    main()

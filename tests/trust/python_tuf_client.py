"""python-tuf as a rival opinion: reads one request a line, prints one verdict a line, both as JSON.

A request names a metadata folder, the URL of a repository and a target path; the folder is the client's memory and
holds the pinned root as pinned.json before the first request.
"""

import json
import os
import sys

from tuf.ngclient import Updater

for line in sys.stdin:
    request = json.loads(line)
    folder = request["folder"]
    try:
        with open(os.path.join(folder, "pinned.json"), "rb") as f:
            pinned = f.read()
        updater = Updater(folder, request["url"] + "/metadata/", bootstrap=pinned)
        updater.refresh()
        target = updater.get_targetinfo(request["target"])
        versions = []
        for role in ["root", "timestamp", "snapshot", "targets"]:
            with open(os.path.join(folder, role + ".json"), "rb") as f:
                versions.append(str(json.load(f)["signed"]["version"]))
        said = "accepted, absent" if target is None else "accepted, found " + str(target.hashes.get("sha256"))
        verdict = {"said": said, "versions": " ".join(versions), "why": ""}
    except Exception as e:  # whatever it is, the client has refused
        verdict = {"said": "refused", "versions": "", "why": f"{type(e).__name__}: {e}"[:300]}
    print(json.dumps(verdict), flush=True)

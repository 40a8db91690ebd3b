# Reads a TUF repository with python-tuf's client, for python-tuf.test.ts:
# `read-repository.py METADATA_FOLDER METADATA_URL TARGETS_FOLDER TARGETS_URL TARGET...`. The root is in the first folder.
import sys

from tuf.ngclient import Updater

updater = Updater(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4])
updater.refresh()
for path in sys.argv[5:]:
    info = updater.get_targetinfo(path)
    assert info is not None, path
    print(updater.download_target(info))

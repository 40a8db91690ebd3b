# Writes a TUF repository with python-tuf, for python-tuf.test.ts: `write-repository.py FOLDER`. Two versions of the
# root, of which the second replaces all of its keys; thresholds of two; a delegated role and hash bins.
import os
import sys
from datetime import datetime, timedelta, timezone
from urllib.parse import quote

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    SuccinctRoles,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

folder = sys.argv[1]
expires = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=30)


def keys(count):
    return [CryptoSigner.generate_ed25519() for _ in range(count)]


def write(path, data):
    path = os.path.join(folder, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def publish(name, signed, signers, **how):
    md = Metadata(signed)
    for signer in signers:
        md.sign(signer, append=True)
    data = md.to_bytes(JSONSerializer(**how))
    write(f"metadata/{name}.json", data)
    return data


def target(targets, path, data):
    info = TargetFile.from_data(path, data, ["sha256", "sha512"])
    targets.targets[path] = info
    where, _, name = path.rpartition("/")
    write(os.path.join("targets", where, f"{info.hashes['sha256']}.{name}"), data)


root_keys, new_root_keys = keys(3), keys(3)
role_keys = {role: keys(2) for role in ["timestamp", "snapshot", "targets"]}
root = Root(expires=expires, consistent_snapshot=True)
root.unrecognized_fields["x-note"] = "für alle \U0001f600 \ufb33"
for signer in root_keys:
    root.add_key(signer.public_key, "root")
root.roles["root"].threshold = 2
for role, signers in role_keys.items():
    for signer in signers:
        root.add_key(signer.public_key, role)
    root.roles[role].threshold = 2
publish("1.root", root, root_keys[:2])
for old, new in zip(root_keys, new_root_keys):
    root.revoke_key(old.public_key.keyid, "root")
    root.add_key(new.public_key, "root")
root.version = 2
publish("2.root", root, root_keys[1:] + new_root_keys[:2], compact=True)

targets = Targets(expires=expires)
snapshot = Snapshot(expires=expires)
target(targets, "folder/top level.txt", b"top level")
(their_key, bin_key) = keys(2)
targets.delegations = Delegations(
    {their_key.public_key.keyid: their_key.public_key},
    {
        name: DelegatedRole(name, [their_key.public_key.keyid], 1, name == "bins", [paths])
        for name, paths in [("röle / 1", "theirs/*"), ("bins", "bins/*")]
    },
)
theirs, bins = Targets(expires=expires), Targets(expires=expires)
target(theirs, "theirs/file", b"theirs")
succinct = SuccinctRoles([bin_key.public_key.keyid], 1, 5, "bin")
bins.delegations = Delegations({bin_key.public_key.keyid: bin_key.public_key}, None, succinct)
in_bins = {name: Targets(expires=expires) for name in succinct.get_roles()}
for path in ["bins/a", "bins/b", "bins/ü"]:
    target(in_bins[succinct.get_role_for_target(path)], path, path.encode())

for name, signed, signers in [
    ("targets", targets, role_keys["targets"]),
    ("röle / 1", theirs, [their_key]),
    ("bins", bins, [their_key]),
    *[(name, signed, [bin_key]) for name, signed in in_bins.items()],
]:
    data = publish(f"1.{quote(name, '')}", signed, signers)
    snapshot.meta[f"{name}.json"] = MetaFile.from_data(1, data, ["sha256"])
data = publish("1.snapshot", snapshot, role_keys["snapshot"])
timestamp = Timestamp(expires=expires, snapshot_meta=MetaFile.from_data(1, data, ["sha512"]))
publish("timestamp", timestamp, role_keys["timestamp"])

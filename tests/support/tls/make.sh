#!/bin/sh
# Makes the certificates of the tests again: an authority and a server it signed.
# The keys guard nothing: no one but these tests trusts this authority.
set -eu
cd "$(dirname "$0")"
ec="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
names="subjectAltName=DNS:mirror.test,DNS:*.mirror.test,DNS:localhost,IP:127.0.0.1,IP:::1"
openssl req -x509 $ec -days 36500 -subj "/CN=dchat-update test authority" -keyout ca.key -out ca.pem \
  -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign"
openssl req $ec -subj "/CN=mirror.test" -keyout server.key -out server.csr
printf '%s\nextendedKeyUsage=serverAuth\n' "$names" > extensions
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 36500 -extfile extensions -out server.pem
rm -f ca.key ca.srl server.csr extensions

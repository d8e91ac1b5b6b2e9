#!/bin/sh
# Make the TLS certificates of a server, once: sh certificates.sh FOLDER HOST UID
#
# FOLDER gets ca.pem, node.pem and node.key (readable by UID only). The authority's key is thrown away: nobody can sign
# another. Nothing happens when they are there and valid for another 30 days; the server has to be started anew after a change.
set -eu
folder=$1 host=$2 owner=$3
days=825
month_s=2592000

if [ -s "$folder/node.key" ] && openssl x509 -checkend "$month_s" -noout -in "$folder/node.pem" >/dev/null 2>&1; then
  echo "certificates in $folder are valid"
  exit 0
fi

umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
# shellcheck disable=SC2086 # the options are words
openssl req -x509 $key -sha256 -days "$days" -subj "/CN=pipetrail authority" -keyout "$work/ca.key" -out "$work/ca.pem" \
  -addext "keyUsage=critical,keyCertSign,cRLSign" 2>/dev/null
# shellcheck disable=SC2086
openssl req -new $key -subj "/CN=$host" -keyout "$work/node.key" -out "$work/node.csr" 2>/dev/null
cat >"$work/extensions" <<END
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth,clientAuth
subjectAltName=DNS:$host,DNS:localhost,IP:127.0.0.1
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
END
openssl x509 -req -sha256 -days "$days" -in "$work/node.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial \
  -extfile "$work/extensions" -out "$work/node.pem" 2>/dev/null
# The authority goes last: whoever reads a new ca.pem finds its server certificate.
for file in node.key node.pem ca.pem; do
  cp "$work/$file" "$folder/.$file"
  chown "$owner" "$folder/.$file"
  case $file in *.key) chmod 400 "$folder/.$file" ;; *) chmod 444 "$folder/.$file" ;; esac
  mv "$folder/.$file" "$folder/$file"
done
chmod 755 "$folder"
echo "certificates for $host made in $folder"

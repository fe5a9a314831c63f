# Sourced by run and export: makes the Python environment where it is missing or another one was asked for, in
# $ESPALIER_PEERS_HOME, or else in tests/bench/target/peers; sets `here`, `home` and `venv`.
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd -P)
home=${ESPALIER_PEERS_HOME:-$here/../target/peers}
venv=$home/venv
mkdir -p "$home" || exit 1

if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
  log=$home/setup.log
  echo "peers: installing what requirements.txt names (log: $log)" >&2
  # --no-deps: the list is whole, so that nothing arrives unpinned.
  if ! { rm -rf "$venv" && "${PYTHON:-python3}" -m venv "$venv" &&
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-deps \
      -r "$here/requirements.txt" && "$venv/bin/python" -m pip check; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "peers: the Python environment cannot be made (it needs Python 3.11 or newer with venv," \
      "and a package index); the whole log is $log" >&2
    exit 1
  fi
  cp "$here/requirements.txt" "$venv/requirements.txt" || exit 1
fi

# Telemetry stays off, and nothing is fetched while measuring.
export NNCF_CI=1 CI=true HF_HUB_OFFLINE=1

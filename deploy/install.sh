#!/bin/bash
# Puts the gateway on a Linux with systemd that is not Debian 12 (there the package does it all):
#   sudo deploy/install.sh forepost-VERSION-py3-none-any.whl [--wheels DIRECTORY]
#   sudo deploy/install.sh --uninstall     programs go, configuration and journal stay
#   sudo deploy/install.sh --purge         everything goes
# Asks nothing, and may be run again: with a newer wheel it is an upgrade that goes back if the new
# version does not start. --wheels: take the wheels of requirements/box.lock from there, no network.
# Needs Python 3.11 or newer with venv, systemd 250 and Mosquitto 2.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
readonly here
readonly versions=/opt/forepost/versions units=/usr/lib/systemd/system
readonly marker="# Forepost's own part, by deploy/install.sh:"

fail() {
  echo "install: $*" >&2
  exit 1
}

# FILE MODE TARGET, one a line; owned by us, overwritten without asking.
ours() {
  cat <<EOF
systemd/forepost-gateway.service 0644 $units/forepost-gateway.service
systemd/forepost-gateway-failed.service 0644 $units/forepost-gateway-failed.service
systemd/forepost-gateway-confirm.service 0644 $units/forepost-gateway-confirm.service
systemd/forepost-gateway-confirm.timer 0644 $units/forepost-gateway-confirm.timer
systemd/forepost-broker-save.path 0644 $units/forepost-broker-save.path
systemd/forepost-broker-save.service 0644 $units/forepost-broker-save.service
systemd/forepost-pages.service 0644 $units/forepost-pages.service
systemd/forepost-solver.socket 0644 $units/forepost-solver.socket
systemd/forepost-solver@.service 0644 $units/forepost-solver@.service
systemd/mosquitto.service.d/forepost.conf 0644 $units/mosquitto.service.d/forepost.conf
sysusers.d/forepost.conf 0644 /usr/lib/sysusers.d/forepost.conf
tmpfiles.d/forepost.conf 0644 /usr/lib/tmpfiles.d/forepost.conf
journald/forepost.conf 0644 /usr/lib/systemd/journald.conf.d/forepost.conf
udev/60-forepost-serial.rules 0644 /usr/lib/udev/rules.d/60-forepost-serial.rules
box/forepost-box 0755 /usr/lib/forepost/forepost-box
example/gateway.toml 0644 /usr/share/doc/forepost-gateway/examples/gateway.toml
EOF
}

find_python() {
  local name
  for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
    then
      command -v "$name"
      return
    fi
  done
  fail "no Python 3.11 or newer with venv (PYTHON=/path/to/python3 names one)"
}

check_machine() {
  local tool
  [[ $(id -u) -eq 0 ]] || fail "run it as root"
  if dpkg-query -W -f='${Status}' forepost-gateway 2>/dev/null | grep -q ' installed$'; then
    fail "the Debian package forepost-gateway is installed: use apt"
  fi
  for tool in systemctl systemd-sysusers systemd-tmpfiles mosquitto setpriv; do
    PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null || fail "$tool is missing"
  done
}

make_environment() {
  local wheel=$1 version=$2 python home pip
  home=$versions/$version
  python=$(find_python)
  # A virtual environment knows its own place, so it is made there, and marked complete last.
  if [[ -e $home/complete ]] && cmp -s "$wheel" "$home/complete"; then return; fi
  if [[ $(readlink /opt/forepost/current) == "versions/$version" ]]; then
    fail "$version is in use, and this wheel is another one of the same version"
  fi
  rm -rf "$home"
  "$python" -m venv "$home"
  pip=("$home/bin/python" -m pip --quiet --disable-pip-version-check install --no-deps
    --only-binary=:all:)
  [[ -z $wheels ]] || pip+=(--no-index --find-links "$wheels")
  "${pip[@]}" --require-hashes --requirement "$here/../requirements/box.lock"
  "${pip[@]}" --no-index "$wheel"
  cp "$wheel" "$home/complete"
  sync -f "$home"
}

install_all() {
  local wheel=$1 version file mode target program
  [[ -f $wheel ]] || fail "$wheel is not there"
  version=$(basename "$wheel" | cut -d- -f2)
  [[ $version =~ ^[0-9][0-9A-Za-z.+]*$ ]] || fail "$wheel has no version in its name"
  check_machine
  make_environment "$wheel" "$version"
  while read -r file mode target; do
    install -D -m "$mode" "$here/$file" "$target"
  done < <(ours)
  for program in forepost-gateway forepost-optimizer; do
    ln -sfn "/opt/forepost/current/bin/$program" "/usr/bin/$program"
  done
  # Debian's mosquitto.conf reads conf.d; others' do not.
  local main=/etc/mosquitto/mosquitto.conf
  install -d /etc/mosquitto/conf.d
  if ! grep -qs '^include_dir /etc/mosquitto/conf.d' "$main"; then
    printf '%s\ninclude_dir /etc/mosquitto/conf.d\n' "$marker" >>"$main"
  fi
  /usr/lib/forepost/forepost-box installed "$version"
}

uninstall() {
  local _ target
  check_machine
  [[ ! -x /usr/lib/forepost/forepost-box ]] || /usr/lib/forepost/forepost-box removing
  while read -r _ _ target; do
    rm -f "$target"
  done < <(ours)
  rm -rf /opt/forepost /usr/bin/forepost-gateway /usr/bin/forepost-optimizer \
    /usr/lib/forepost /usr/share/doc/forepost-gateway
  rmdir --ignore-fail-on-non-empty "$units/mosquitto.service.d" 2>/dev/null || true
  [[ ! -d /run/systemd/system ]] || systemctl daemon-reload
}

purge() {
  uninstall
  rm -rf /var/lib/forepost /var/lib/forepost-box /etc/forepost \
    /etc/mosquitto/conf.d/forepost.conf /etc/mosquitto/forepost.acl \
    /etc/mosquitto/forepost.passwords /etc/mosquitto/certs/forepost-*
  [[ ! -f /etc/mosquitto/mosquitto.conf ]] ||
    sed -i "/^$marker\$/,+1d" /etc/mosquitto/mosquitto.conf
}

wheels=
case ${1:-} in
  --uninstall) uninstall ;;
  --purge) purge ;;
  --help) sed -n 's/^#   //p' "$0" ;;
  '' | -*) sed -n 's/^#   //p' "$0" >&2; exit 2 ;;
  *)
    if [[ ${2:-} == --wheels ]]; then wheels=$(readlink -f "${3:?DIRECTORY}"); fi
    install_all "$1"
    ;;
esac

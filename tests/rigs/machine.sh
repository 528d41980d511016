#!/bin/bash
# Boots a machine of a test's own: systemd as process 1, in namespaces, on a copy of this system's
# files that forgets everything at the end. Called by tests/rigs/machine.py:
#   machine.sh DIRECTORY EXCHANGE   (within unshare; EXCHANGE is seen as /exchange)
set -euo pipefail
directory=$1 exchange=$2 root=$1/root

mount --make-rprivate /
mkdir -p "$root" "$directory/memory"
# The changes outlive a power cut of the machine, for they belong to the caller's namespace.
mount -t overlay -o "lowerdir=/,upperdir=$directory/disk/upper,workdir=$directory/disk/work" \
  overlay "$root"
# What this system has and a new machine has not: homes, checkouts, services of its own.
for hidden in root home work farm srv mnt media tmp run var/tmp; do
  [[ ! -d $root/$hidden ]] || mount -t tmpfs tmpfs "$root/$hidden"
done
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
mkdir "$root/sys/fs/cgroup/systemd"
mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom tty; do
  touch "$root/dev/$node"
  mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mkdir -p "$root/exchange"
mount --bind "$exchange" "$root/exchange"
if [[ ! -e $root/etc/this-is-the-machine ]]; then
  touch "$root/etc/this-is-the-machine"
  rm -rf "$root"/etc/systemd/system/*.wants "$root/var/log/journal"
  rm -f "$root/usr/sbin/policy-rc.d"
  mkdir "$root/var/log/journal"
  echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
fi
mkdir -p "$root/run/before"
cd "$root"
pivot_root . run/before
umount -l /run/before
# As the first process of a real machine finds it; credentials come to a service by this.
mount --make-rshared /
exec env -i container=test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  LANG=C.UTF-8 /lib/systemd/systemd --system --unit=multi-user.target --log-target=journal

#!/usr/bin/env bash
# The first process of namespaces of its own becomes systemd, on this machine's files and on nobody's
# units but those in DIR/units. /etc/hotline.yaml is DIR/etc.yaml, /usr/local/bin holds the program,
# /var/lib is DIR/lib. Nothing of it outlives the namespaces.
set -euo pipefail
dir=$1 program=$2

mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o mode=0755 tmpfs /run
umount -R /sys/fs/cgroup 2>/dev/null || true # a network namespace's /sys has none
mount -t cgroup2 cgroup2 /sys/fs/cgroup
cp -r "$dir/units" /run/units
mkdir -p /run/etc/upper /run/etc/work "$dir/lib"
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work /etc
install -m 0644 "$dir/etc.yaml" /etc/hotline.yaml
install -m 0755 -D "$program" /run/bin/hotline
mount --bind /run/bin /usr/local/bin
mount --bind "$dir/lib" /var/lib
umount "$dir/cgroup"
exec env -i "PATH=$PATH" container=other SYSTEMD_UNIT_PATH=/run/units \
  /lib/systemd/systemd --system --unit=boot.target --log-target=console --log-level=info --show-status=no

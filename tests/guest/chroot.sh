# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A copy of the guest's root as a chroot, which is gone behind the command. For the jobs that remove in one.

# With these directories of the host's: its device-mapper is seen through /dev, its systemd through /run.
in_chroot() { # "NAME..." COMMAND...
	local name names=$1 status
	shift
	mkdir -p /tmp/over /tmp/chroot
	mount -t tmpfs none /tmp/over
	mkdir /tmp/over/{upper,work}
	mount -t overlay -o lowerdir=/,upperdir=/tmp/over/upper,workdir=/tmp/over/work none /tmp/chroot
	mount -t tmpfs none /tmp/chroot/run
	for name in $names; do mount --bind "/$name" "/tmp/chroot/$name"; done
	chroot /tmp/chroot "$@" >/tmp/out 2>&1
	status=$?
	((status == 0)) || cat /tmp/out
	umount -R /tmp/chroot
	umount /tmp/over
	return $status
}

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The guest's own root as a chroot. For the jobs that install and remove in one.

# With these of the host's: device-mapper of it is seen through /dev.
in_chroot() { # "NAME..." COMMAND...
	local name names=$1
	shift
	mkdir -p /tmp/chroot
	mount --bind / /tmp/chroot
	mount -t tmpfs none /tmp/chroot/run
	for name in $names; do mount --bind "/$name" "/tmp/chroot/$name"; done
	chroot /tmp/chroot "$@" >/tmp/out 2>&1 || cat /tmp/out
	umount -R /tmp/chroot
	systemctl daemon-reload
}

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# about: the root file system on a mirror, with dirtylogd in an initramfs by dracut: booted, shut down with and without dracut
# quick: no
# timeout: 2400
# boots: 4
# disks: 5
# initramfs: dracut
# shellcheck source=tests/guest/lib.sh
. /job/lib.sh
# shellcheck source=tests/guest/root-mirror.sh
. /job/root-mirror.sh

from_initramfs() {
	look_at_boot
	relieved # of a log that is made already: in the initramfs
}

case $(findmnt -no SOURCE /) in
/dev/vda)
	make_root
	# Where dracut looks for it at a shutdown.
	cp /job/dracut.img "/target$initramfs"
	date +%s.%N >/target/var/began
	umount /target
	check "adopt" dirtylogctl adopt vg/root
	boot_again /job/dracut.img
	;;
esac

case $(cat /var/stage 2>/dev/null) in
"")
	from_initramfs
	start_load
	killed_and_reloaded
	end_load
	# Then the root is unmounted from dracut's initramfs.
	check "dracut is there for the shutdown" test -e /run/initramfs/.need_shutdown
	echo dracut >/var/stage
	start_load
	boot_again "$initramfs"
	;;
dracut)
	from_initramfs
	rm -f /run/initramfs/.need_shutdown
	echo plain >/var/stage
	start_load
	boot_again "$initramfs"
	;;
plain)
	from_initramfs
	reads
	;;
esac

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# quick: apart
# about: the cached log from resync to removal, in a minute and without dirtylogd: for tests/vm/debug_kernel_faults
# disks: a=16M:random b=16M log=8M
# needs: module
# timeout: 120
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

A=$(dev a) B=$(dev b) LOG=$(dev log)
SECTORS=32768
life() { # KIND
	wipe "$LOG"
	mk_mirror m "$1" $SECTORS "$LOG" 128 "$A" "$B" || return
	write_block /dev/mapper/m 100
	wait_sync m 60
	write_block /dev/mapper/m 1000
	sleep 2 # its clear is told by the timer
	write_block /dev/mapper/m 2000
	check "$1: suspended" dmsetup suspend m
	check "$1: resumed" dmsetup resume m
	read_block /dev/mapper/m 3000
	write_block /dev/mapper/m 2000
	rm_mirror m
	check "$1: legs identical" legs_identical "$A" "$B" 16
}
life front-kernel
life front-kernel-core
kernel_quiet

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Devices that go bad when told to, and get well again: log devices and legs alike. Behind lib.sh.
#
#   none         nothing
#   eio          every operation fails, until it is healed
#   eio-once     every operation fails, for a second
#   read-errors  reads fail, writes do not
#   write-errors writes and flushes fail, reads do not
#   enospc       writes find no room (a thin volume whose pool is full)
#   slow         every operation takes half a second
#   hung         no operation ends, until it is healed
#   shrunk       all but the first KiB is gone
#   vanished     the device is taken away, and does not come back
# shellcheck disable=SC2034
FAULTS_ALL="eio eio-once read-errors write-errors enospc slow hung shrunk vanished"

fault_table() { # NAME TABLE
	dmsetup suspend --noflush --nolockfs "$1"
	dmsetup load "$1" --table "$2"
	dmsetup resume "$1"
}

# What reads and writes go to: reads and writes of their own devices, as dm-delay has it.
fault_split() { # NAME READS WRITES SECTORS
	fault_table "$1" "0 $4 delay $2 0 0 $3 0 0"
}

# A device with a table of nothing but errors, for fault_split.
fault_bad() { # SECTORS
	[ -b /dev/mapper/bad ] || dmsetup create bad --table "0 $1 error"
}

# A thin volume that has never been written, in a pool that is full.
fault_full() { # SECTORS
	[ ! -b /dev/mapper/full ] || return 0
	modprobe crc32c_generic # what dm-thin-pool asks for by another name
	modprobe dm-thin-pool
	# Blocks of 64 KiB, of which there are two.
	dd if=/dev/zero of=/tmp/pool bs=1M count=8 2>/dev/null
	fault_loop=$(losetup -f) && losetup "$fault_loop" /tmp/pool
	dmsetup create poolmeta --table "0 8192 linear $fault_loop 0"
	dmsetup create pooldata --table "0 256 linear $fault_loop 8192"
	dmsetup create pool --table \
		"0 256 thin-pool /dev/mapper/poolmeta /dev/mapper/pooldata 128 0 1 error_if_no_space"
	dmsetup message pool 0 "create_thin 0"
	dmsetup message pool 0 "create_thin 1"
	dmsetup create filler --table "0 256 thin /dev/mapper/pool 0"
	wipe /dev/mapper/filler
	dmsetup create full --table "0 $1 thin /dev/mapper/pool 1"
}

# fault_prepare NAME KIND DEVICE SECTORS: sets FAULT_DEVICE, over DEVICE, well.
fault_prepare() {
	FAULT_DEVICE=/dev/mapper/$1
	case $2 in
	vanished)
		modprobe null_blk nr_devices=0
		grep -q ' configfs ' /proc/mounts || mount -t configfs config /sys/kernel/config
		mkdir "/sys/kernel/config/nullb/$1"
		echo $(($4 / 2048)) >"/sys/kernel/config/nullb/$1/size"
		echo 1 >"/sys/kernel/config/nullb/$1/memory_backed"
		echo 1 >"/sys/kernel/config/nullb/$1/power"
		FAULT_DEVICE=/dev/$1 # as later kernels call it
		[ -b "$FAULT_DEVICE" ] || FAULT_DEVICE=/dev/nullb$(cat "/sys/kernel/config/nullb/$1/index")
		return
		;;
	read-errors | write-errors) fault_bad 131072 ;;
	enospc) fault_full 131072 ;;
	esac
	dmsetup create "$1" --table "0 $4 linear $3 0"
}

# fault_begin NAME KIND DEVICE SECTORS
fault_begin() {
	case $2 in
	none) ;;
	eio) fault_table "$1" "0 $4 error" ;;
	eio-once)
		fault_table "$1" "0 $4 error"
		{ sleep 1 && fault_table "$1" "0 $4 linear $3 0"; } &
		;;
	read-errors) fault_split "$1" /dev/mapper/bad "$3" "$4" ;;
	write-errors) fault_split "$1" "$3" /dev/mapper/bad "$4" ;;
	enospc) fault_split "$1" "$3" /dev/mapper/full "$4" ;;
	slow) fault_table "$1" "0 $4 delay $3 0 500" ;;
	hung) dmsetup suspend --noflush --nolockfs "$1" ;;
	shrunk) fault_table "$1" "0 2 linear $3 0" ;;
	vanished) echo 0 >"/sys/kernel/config/nullb/$1/power" ;;
	esac
}

# fault_heal NAME KIND DEVICE SECTORS: it is well again, but for one that has vanished.
fault_heal() {
	case $2 in
	vanished) ;;
	*) fault_table "$1" "0 $4 linear $3 0" ;;
	esac
}

# fault_end NAME KIND: nothing is left of it.
fault_end() {
	case $2 in
	vanished) until_true 10 rmdir "/sys/kernel/config/nullb/$1" ;;
	*) until_true 10 dmsetup remove "$1" ;;
	esac
}

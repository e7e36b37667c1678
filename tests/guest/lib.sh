# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What jobs are written in. Runs in the guest as root, in /job.

# shellcheck source=tests/vm/checks.sh
. /job/checks.sh

# dN: the data disk with that serial number.
disk() { readlink -f "/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_$1"; }

elapsed_since() { # START, of date +%s.%N
	awk -v a="$1" -v b="$(date +%s.%N)" 'BEGIN { printf "%.2f", b - a }'
}
now() { date +%s.%N; }

make_vg() { # VG DISK...
	local vg=$1 name
	shift
	local -a disks=()
	for name; do disks+=("$(disk "$name")"); done
	vgcreate -q "$vg" "${disks[@]}" >/dev/null
}

make_mirror() { # VG/LV SIZE [core|disk]
	lvcreate -q -y --type mirror -m 1 --mirrorlog "${3:-core}" --nosync -R 512k -L "$2" -n "${1#*/}" "${1%/*}" >/dev/null 2>&1
}

dm_name() { # VG/LV
	lvs --noheadings -o lv_dm_path "$1" 2>/dev/null | sed 's|.*/||; s/ *$//'
}

# The log type of the live table: core, disk or userspace.
log_type() { # DM_NAME
	dmsetup table "$1" | awk '$3 == "mirror" { print $4; exit }'
}
is_on() { [[ $(log_type "$1") == "$2" ]]; } # DM_NAME TYPE

# To dirtylogd, as the README shows.
by_hand() { # DM_NAME
	local line
	line=$(dmsetup table "$1" | awk -v uuid="LOG-$1" '
		{ words = $5; type = $4; first = 6
		  out = $1 " " $2 " mirror userspace " words + 2 " " uuid " " type
		  for (i = first; i <= NF; i++) out = out " " $i; print out }')
	dmsetup reload "$1" --table "$line" && dmsetup suspend --noflush "$1" && dmsetup resume "$1"
}

# Writes until told: 4 KiB at a time, ten milliseconds apart; the slowest is what I/O saw of whatever happened, and an
# error fails the job.
start_writes() { # DEVICE
	rm -f /run/fio.json
	fio --name=io --filename="$1" --direct=1 --rw=randwrite --bs=4k --iodepth=1 --thinktime=10ms --time_based \
		--runtime="${2:-600}" --output-format=json --output=/run/fio.json >/run/fio.out 2>&1 &
	FIO=$!
	sleep 3
}
slowest_write() { # ends them; milliseconds
	kill -INT "$FIO"
	# Not "wait": this runs in $(...), which has no children to wait for.
	timeout 120 tail --pid="$FIO" -f /dev/null
	ended=$(sed -n '/^{/,$p' /run/fio.json | jq -r '.jobs[0] | "\(.error) \(.write.total_ios) \(.write.clat_ns.max / 1e6 | floor)"')
	# A load that did not run has no slowest write that any bound allows.
	if [[ $ended =~ ^0\ [1-9][0-9]*\ ([0-9]+)$ ]]; then
		echo "${BASH_REMATCH[1]}"
	else
		{
			fail "all writes meanwhile are well: error, count, milliseconds of the slowest: ${ended:-nothing}"
			cat /run/fio.out
		} >&2
		echo 999999999
	fi
}

service_pid() { systemctl show -P MainPID dirtylogd; }
server_pid() { dirtylogctl stats 2>/dev/null | awk '$1 == "server_pid" { print $2 }'; }

# All that `dirtylogctl check` looks at is well, but for faults of the guest's own kernel, which the jobs' root is not
# renewed for.
host_is_well() {
	! dirtylogctl check | tee /tmp/checked | grep '^bad ' | grep -v '^bad   kernel '
}

# gcov's counts are there when a program has ended. The mirrors go on with the next one.
keep_counts() {
	[ -n "${GCOV_PREFIX-}" ] || return 0
	systemctl stop dirtylogd
	tar -cf /dev/disk/by-id/virtio-coverage -C "$GCOV_PREFIX" .
	systemctl start dirtylogd
}
trap keep_counts EXIT

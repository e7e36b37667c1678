# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# about: the power fails under writes, again and again: only dirty regions resync, nothing acknowledged is lost
# disks: a=256M b=256M log=64M journal=1M
# front: yes
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh

: "${CUTS:=1}" # tests/vm/run --cuts
with_front && : "${KIND:=dirtylogd-flush}"
: "${KIND:=dirtylogd}"
# 1: legs and log have caches that lose what was not flushed. With the module, clears are held back in three places
# then: there, in the server and in the devices.
: "${VOLATILE:=$FRONT}"
A=$(dev a) B=$(dev b) LOG=$(dev log) JOURNAL=$(dev journal)
SECTORS=524288
REGIONS=512
# In MiB: 0 to 32 written and synced before, 32 to 64 one block after the other, 64 to 96 at random, 96 to 160 one
# block in a region.
settled="--filename=/dev/mapper/m --rw=write --size=32m --verify=crc32c --iodepth=8"

# A loop device writes into the page cache, and that into its disk when it is flushed.
make_caches() {
	echo 0 >/proc/sys/vm/dirty_writeback_centisecs
	modprobe loop
	losetup /dev/loop0 "$A" && A=/dev/loop0
	losetup /dev/loop1 "$B" && B=/dev/loop1
	losetup /dev/loop2 "$LOG" && LOG=/dev/loop2
	equal "legs and log have volatile caches" "$(cat /sys/block/loop[012]/queue/write_cache | sort -u)" "write back"
}

numbered() { printf 'block %08d%4082s' "$1" ''; }
place() { echo $((8192 + ($1 * 37) % 8192)); }
write_numbered() { # I
	numbered "$1" | dd of=/dev/mapper/m bs=4096 count=1 seek="$(place "$1")" iflag=fullblock oflag=direct \
		conv=notrunc,fsync 2>/dev/null
}
note_acknowledged() { # I
	printf '%-4096d' "$1" | dd of="$JOURNAL" bs=4096 count=1 iflag=fullblock oflag=direct conv=notrunc 2>/dev/null
}
acknowledged() { dd if="$JOURNAL" bs=4096 count=1 2>/dev/null | tr -d ' \0'; }

# Writes reach leg A at once, and leg B half a second later: what is on its way at the cut is on one of them.
delay_leg_b() {
	dmsetup suspend --noflush --nolockfs legb
	dmsetup load legb --table "0 $SECTORS delay $B 0 0 $B 0 500"
	dmsetup resume legb
}

# Each the first write to its region for long: a mark that came too late would be seen.
write_clean_regions() {
	clean=0
	while [ $clean -lt 16 ]; do
		numbered $((PHASE * 1000 + clean)) | dd of=/dev/mapper/m bs=4096 count=1 iflag=fullblock oflag=direct conv=notrunc \
			seek=$((24576 + (PHASE * 16 + clean) % 128 * 128)) 2>/dev/null &
		clean=$((clean + 1))
	done
}

load_until_the_cut() { # FIRST: number of the first block
	fio_run noise --filename=/dev/mapper/m --rw=randwrite --offset=64m --size=32m --iodepth=8 \
		--runtime=100 --time_based &
	sleep 2
	start=$(cut -d. -f1 /proc/uptime)
	i=$1
	while [ $(($(cut -d. -f1 /proc/uptime) - start)) -lt $((5 * SLOW)) ]; do
		write_numbered "$i" || fail "block $i is written"
		note_acknowledged "$i"
		i=$((i + 1))
	done
	delay_leg_b
	(
		while :; do
			write_numbered "$i" && note_acknowledged "$i"
			i=$((i + 1))
		done
	) &
	sleep 2
	write_clean_regions
	sleep 0.2
	# One leg's cache is written by chance, the other one's is not.
	[ "$VOLATILE" != 1 ] || dd if=/dev/null of="$A" conv=notrunc,fsync 2>/dev/null
	echo "##POWERCUT"
	sleep 1000
}

# Before anything is activated, every region whose legs differ is dirty in the log.
look_at_legs_and_log() {
	log_dirty "$LOG" $REGIONS >/tmp/dirty
	differing "$A" "$B" 256 512 >/tmp/differ
	figure "dirty_in_log $(wc -l </tmp/dirty) of $REGIONS regions"
	figure "legs_differ_in $(wc -l </tmp/differ) regions"
	at_least "some are dirty" "$(wc -l </tmp/dirty)" 1
	at_least "legs differ" "$(wc -l </tmp/differ)" 1
	equal "regions that differ and are not dirty" "$(awk 'FILENAME == ARGV[1] { d[$1] = 1; next } !d[$1]' /tmp/dirty /tmp/differ)" ""
	# Regions are marked ahead of an ascending run of writes, which may end at the last one.
	equal "dirty regions where nothing was written" \
		"$(awk '{ d[$1] = 1 } $1 < 64 || ($1 >= 320 && !($1 - 1 in d)) || $1 >= 384' /tmp/dirty)" ""
}

look_for_what_was_acknowledged() {
	last=$(acknowledged)
	figure "acknowledged_blocks $last blocks"
	at_least "blocks were acknowledged" "$last" 10
	i=0
	lost=0
	while [ $i -le "$last" ]; do
		got=$(dd if=/dev/mapper/m bs=4096 count=1 skip="$(place $i)" 2>/dev/null | cut -c1-14)
		[ "$got" = "$(numbered $i | cut -c1-14)" ] || lost=$((lost + 1))
		i=$((i + 1))
	done
	equal "acknowledged blocks lost" $lost 0
}

recover() {
	leg_before=$(stat_field "$B" 7)
	mk_mirror m "$KIND" $SECTORS "$LOG" 1024 "$A" /dev/mapper/legb || exit 1
	wait_sync m 60
	equal "regions copied are those that were dirty" $((($(stat_field "$B" 7) - leg_before) / 1024)) "$(wc -l </tmp/dirty)"
	# shellcheck disable=SC2086
	fio_run verify $settled --verify_only --verify_fatal=1
	check "what was synced before is there" fio_ok verify
	look_for_what_was_acknowledged
	dmsetup suspend m
	check "legs identical" legs_identical "$A" "$B" 256
	dmsetup resume m
}

modprobe dm-delay
[ "$VOLATILE" != 1 ] || make_caches
start_daemon || exit 1
dmsetup create legb --table "0 $SECTORS linear $B 0"
if [ "$PHASE" = 1 ]; then
	mk_mirror m "$KIND" $SECTORS "$LOG" 1024 "$A" /dev/mapper/legb nosync || exit 1
	# shellcheck disable=SC2086
	fio_run settled $settled --do_verify=0 --end_fsync=1
	check "writes before" fio_ok settled
	# Lazy clears come after 5 s.
	check "the log is clean again" until_true 20 log_is_clean "$LOG" $REGIONS
	load_until_the_cut 0
fi
look_at_legs_and_log
recover
if [ "$PHASE" -le "$CUTS" ]; then
	check "the log is clean before the next cut" until_true 20 log_is_clean "$LOG" $REGIONS
	load_until_the_cut $(($(acknowledged) + 2))
fi
rm_mirror m
kernel_quiet
check "daemon alive" daemon_lives

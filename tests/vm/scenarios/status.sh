# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# about: dirtylogctl status and show: names, a resync, a leg and a log that die, a daemon that hangs
# disks: a=64M b=64M log=64M
# timeout: 200
# shellcheck source=tests/vm/lib.sh
. /scenarios/lib.sh
on_kernel_log && exit 0 # the tool is ours

A=$(dev a) LOG=/dev/mapper/log B=/dev/mapper/b
dmsetup create log --table "0 131072 linear $(dev log) 0"
dmsetup create b --table "0 131072 linear $(dev b) 0"
new_table() { # NAME TABLE
	dmsetup suspend --noflush --nolockfs "$1"
	dmsetup load "$1" --table "$2"
	dmsetup resume "$1"
}
# status_is WHAT STATUS [NAME...]: its exit status; the line of the mirror is in $line.
status_is() {
	status_what=$1 status_wanted=$2
	shift 2
	status_start=$(cut -d' ' -f1 /proc/uptime)
	dirtylogctl status "$@" >/tmp/mirrors 2>&1
	equal "$status_what: exit status" $? "$status_wanted"
	say "$status_what: $(awk -v s="$status_start" '{ print $1 - s }' /proc/uptime) s"
	line=$(grep '^my-vg/lv ' /tmp/mirrors)
	say "$line"
}
has() { # WHAT WORD
	case $line in
	*"$2"*) pass "$1: $2" ;;
	*) fail "$1: no $2 in: $(cat /tmp/mirrors)" ;;
	esac
}

# The first to ask for a random number in a guest pays two seconds for it.
head -c 4 /dev/random >/dev/null

status_is "no daemon" 3
start_daemon --clear-delay 1 --io-retry 2 || exit 1
receiver_is_confined() {
	grep -q '^Seccomp:.*2' "/proc/$(dirtylogctl stats | awk '$1 == "server_pid" { print $2 }')/status"
}
check "the receiver is confined" until_true 5 receiver_is_confined

# Under the name that LVM gives it: a dash is doubled, and the uuid says whose it is.
wipe $LOG
dmsetup create my--vg-lv -u LVM-one --table "$(mirror_table dirtylogd 131072 $LOG 128 "$A" $B dl-one)"
b_number=$(dev_number $B) a_number=$(dev_number "$A") log_number=$(dev_number $LOG)
status_is "resync" 0
has "resync" "$a_number(A) $b_number(A)"
has "resync" "$log_number(A)"
dirtylogctl show my-vg/lv >/tmp/map
equal "show: exit status" $? 0
check "show: a map" grep -q '^[.dDoO>][.dDoO>]*$' /tmp/map
wait_sync my--vg-lv 60
status_is "in sync" 0
has "in sync" "100%"

number=$(dev_number /dev/mapper/my--vg-lv)
mknod /dev/node b "${number%:*}" "${number#*:}"
for name in my--vg-lv my-vg/lv /dev/mapper/my--vg-lv /dev/node dl-one; do
	status_is "by $name" 0 "$name"
	has "by $name" "100%"
done
status_is "unknown name" 2 my-vg/other
check "unknown name: says what there is" grep -q 'there are: my-vg/lv' /tmp/mirrors

# A daemon that hangs: no answer, and soon.
server=$(server_pid)
kill -STOP "$DAEMON_PID" "$server"
hang_start=$(cut -d. -f1 /proc/uptime)
status_is "hung daemon" 3
at_most "hung daemon: seconds" $(($(cut -d. -f1 /proc/uptime) - hang_start)) 6
kill -CONT "$server" "$DAEMON_PID"
until_true 20 daemon_answers || fail "the daemon goes on"

# A leg that dies.
new_table b "0 131072 error"
write_block /dev/mapper/my--vg-lv 12345 & # held, until there is another table
degraded() { dirtylogctl status >/dev/null; [ $? = 1 ]; }
check "dead leg: degraded" until_true 20 degraded
status_is "dead leg" 1
has "dead leg" "$b_number(D)"

# A log that dies: first tried again, then given up.
new_table log "0 131072 error"
write_block /dev/mapper/my--vg-lv 2000 &
failed() { dirtylogctl status 2>/dev/null | grep -q '(failed)'; }
check "dead log: failed" until_true 30 failed
status_is "dead log" 2
has "dead log" "$log_number(failed)"
has "dead log" "write: Input/output error"

dmsetup suspend --noflush --nolockfs my--vg-lv
dmsetup load my--vg-lv --table "$(mirror_table kernel-core 131072 - 128 "$A" "$A" -)"
dmsetup resume my--vg-lv
rm_mirror my--vg-lv
check "daemon alive" daemon_lives

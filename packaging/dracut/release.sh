#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# At the end dracut unmounts the old root. dirtylogd holds it in a mount namespace of its own, where dracut does not see
# it: so the mirrors are given the kernel's log back, and if all of them were, it is ended.

# Its supervisor's number.
_supervisor_of() {
	while read -r _name _value; do
		[ "$_name" != supervisor_pid ] || echo "$_value"
	done
}

_end_dirtylogd() {
	_supervisor=$(dirtylogctl stats | _supervisor_of)
	_left=100
	[ -n "$_supervisor" ] && kill "$_supervisor" || return 0
	while [ -d "/proc/$_supervisor" ] && [ $_left -gt 0 ]; do
		_left=$((_left - 1))
		sleep 0.1
	done
}

if dirtylogctl release --once --all; then
	_end_dirtylogd
fi

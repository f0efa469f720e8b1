# SPDX-License-Identifier: MIT
# A profile of callgrind as the instructions of each object: its file's name, the number. A line behind
# "calls=" tells what was called, which counts where it was run.
function number(s) {
	return match(s, /^\([0-9]+\)/) ? substr(s, 2, RLENGTH - 2) : s
}
function learn(s,    id) {
	id = number(s)
	if (sub(/^\([0-9]+\) /, "", s)) {
		sub(/.*\//, "", s)
		name[id] = s
	}
	return id
}
/^ob=/ { at = learn(substr($0, 4)); next }
/^cob=/ { learn(substr($0, 5)); next }
/^calls=/ { called = 1; next }
/^[-+*0-9]/ {
	if (!called)
		sum[at] += $2
	called = 0
}
END {
	for (id in sum)
		print name[id], sum[id]
}

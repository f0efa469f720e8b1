# SPDX-License-Identifier: MIT
# splice.awk FIGURES DOCUMENT: the document, with its figures of the same names replaced.
function name_of(line) {
	sub(/^<!-- (end of )?figures: /, "", line)
	sub(/[, ].*$/, "", line)
	return line
}
FNR == NR {
	if (/^<!-- figures: /)
		name = name_of($0)
	if (name != "")
		text[name] = text[name] $0 "\n"
	if (/^<!-- end of figures: /)
		name = ""
	next
}
/^<!-- figures: / && (name_of($0) in text) {
	printf "%s", text[name_of($0)]
	skipping = 1
}
!skipping
/^<!-- end of figures: / { skipping = 0 }

# SPDX-License-Identifier: MIT
# The results as an SVG, after results.awk: a panel per workload, a bar per program at its median, a whisker from the lowest to
# the highest round. Text and lines are of a grey that can be read on light and on dark ground.
# Variables: about, command.
BEGIN {
	split("ping ping-pinned point update tx load insert orm_insert orm_select notify", known, " ")
	title["ping"] = "ping: one lookup at a time, 1 connection"
	title["ping-pinned"] = "ping-pinned: one lookup at a time, all on one CPU"
	title["point"] = "point: lookups by key, 256 under way"
	title["update"] = "update: updates by key, 256 under way"
	title["tx"] = "tx: lock and read, write, commit; 4 at a time"
	title["load"] = "load: rows into structs"
	title["insert"] = "insert: rows out of structs"
	title["orm_insert"] = "orm_insert: structs into a table, ids read back"
	title["orm_select"] = "orm_select: a table into structs"
	title["notify"] = "notify: 100 to a transaction, until heard"
	unit["load"] = unit["insert"] = unit["orm_insert"] = unit["orm_select"] = "rows per second"
	unit["tx"] = "transactions per second"
	unit["notify"] = "notices per second"
	fast["ping"] = fast["ping-pinned"] = "hf_fetch"
	fast["point"] = "fast lane"
	fast["load"] = "COPY"
	fast["notify"] = "one statement"
	split("holdfast-fast holdfast libpq-pipeline libpq-batch libpq-sync libzdb apr-dbd pgbench floor-fast floor", programs, " ")
	colour["holdfast"] = "#2f81d7"
	colour["holdfast-fast"] = "#54aeff"
	colour["floor"] = colour["floor-fast"] = "none"
	panel_w = 450; label_w = 150; plot_w = 235; bar = 13; step = 19; head = 30; foot = 44
}
# A round step of an axis that takes `top` in at most five.
function axis_step(top,    s) {
	for (s = 1; s * 5 < top; s *= 10)
		;
	if (s / 5 * 5 >= top)
		return s / 5
	if (s / 2 * 5 >= top)
		return s / 2
	return s
}
function text(x, y, class, s) {
	gsub(/&/, "\\&amp;", s)
	gsub(/</, "\\&lt;", s)
	printf "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">%s</text>\n", x, y, class, s
}
function line(x1, y1, x2, y2, class) {
	printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n", x1, y1, x2, y2, class
}
function short(x) {
	return x >= 1000000 ? x / 1000000 " M" : x >= 1000 ? x / 1000 " k" : x ""
}
function bars(w) {
	m = 0
	for (b = 1; b in programs; b++)
		if (count[w, programs[b]])
			m++
	return m
}
# What a bar is called, in words.
function label(w, p) {
	if (p == "holdfast-fast")
		return "holdfast, " fast[w]
	if (w == "insert" && p == "holdfast")
		return "holdfast, COPY"
	if (w == "insert" && p == "libpq-pipeline")
		return "libpq, COPY by hand"
	if (w == "insert")
		return (p == "libpq-sync" ? "libpq" : p == "apr-dbd" ? "apr_dbd" : p) ", INSERT each"
	if (p == "libpq-batch")
		return w == "orm_insert" ? "libpq, arrays by hand" : "libpq, one Sync for 32"
	if (p == "libpq-pipeline")
		return "libpq, " (w == "load" || w == "orm_select" ? "cursor" : "pipelining") " by hand"
	if (p == "libpq-sync")
		return "libpq, blocking calls"
	if (p == "apr-dbd")
		return "apr_dbd"
	if (p == "floor-fast")
		return "floor, one Sync"
	return p
}
function draw_bar(w, p, x, y, top,    med, low, high, k, base, c) {
	med = quantile(w, p, 4, 0.5)
	low = quantile(w, p, 4, 0)
	high = quantile(w, p, 4, 1)
	k = plot_w / top
	c = p in colour ? colour[p] : "#8b949e"
	text(x - 6, y + bar - 3, p ~ /^holdfast/ ? "label ours" : "label", label(w, p))
	printf "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" class=\"%s\" fill=\"%s\"><title>%s %s: median %.0f per second, lowest %.0f, highest %.0f</title></rect>\n", \
		x, y, med * k, bar, c == "none" ? "hollow" : "bar", c, p, w, med, low, high
	line(x + low * k, y + bar / 2, x + high * k, y + bar / 2, "whisker")
	line(x + low * k, y + 3, x + low * k, y + bar - 3, "whisker")
	line(x + high * k, y + 3, x + high * k, y + bar - 3, "whisker")
	if (count[w, "libpq-sync"]) {
		base = quantile(w, "libpq-sync", 4, 0.5)
		text(x + plot_w + 8, y + bar - 3, "ratio", sprintf("%.2f", med / base))
	}
}
function draw_panel(w, x0, y0,    x, y, top, s, v, b, bottom, most) {
	for (b = 1; b in programs; b++)
		if (count[w, programs[b]] && quantile(w, programs[b], 4, 1) > most)
			most = quantile(w, programs[b], 4, 1)
	s = axis_step(most)
	for (top = s; top < most; top += s)
		;
	x = x0 + label_w
	y = y0 + head
	bottom = y + bars(w) * step
	text(x0 + 8, y0 + 14, "title", title[w])
	for (v = 0; v <= top; v += s) {
		line(x + v / top * plot_w, y - 4, x + v / top * plot_w, bottom, "grid")
		text(x + v / top * plot_w, bottom + 14, "tick", short(v))
	}
	text(x + plot_w / 2, bottom + 29, "tick", w in unit ? unit[w] : "queries per second")
	for (b = 1; b in programs; b++) {
		if (!count[w, programs[b]])
			continue
		draw_bar(w, programs[b], x, y, top)
		y += step
	}
}
END {
	for (i = 1; i in known; i++)
		if (known[i] in seen_w)
			shown[++np] = known[i]
	height = 74
	for (i = 1; i <= np; i += 2) {
		rows = bars(shown[i])
		if (i < np && bars(shown[i + 1]) > rows)
			rows = bars(shown[i + 1])
		top_of[i] = top_of[i + 1] = height
		height += head + rows * step + foot
	}
	width = 2 * panel_w
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n", \
		width, height + 4, width, height + 4
	print "<style>"
	print "text { font: 11px sans-serif; fill: #768390; }"
	print ".big { font-size: 16px; font-weight: bold; } .title { font-size: 12px; font-weight: bold; }"
	print ".ours { font-weight: bold; }"
	print ".label { text-anchor: end; } .tick { text-anchor: middle; font-size: 10px; }"
	print ".ratio { font-size: 10px; }"
	print ".grid { stroke: #768390; stroke-opacity: 0.3; } .whisker { stroke: #cf8a17; stroke-width: 1.5; }"
	print ".hollow { stroke: #768390; stroke-dasharray: 3 2; }"
	print "</style>"
	text(8, 20, "big", "holdfast beside what a C program has at hand")
	text(8, 38, "note", "Longer is better. Bars: medians; whiskers: lowest and highest round; at the right: times blocking calls" \
		" of libpq. Dashed: the floor, a bare queue with workers.")
	text(8, 54, "note", about "; " command)
	for (i = 1; i <= np; i++)
		draw_panel(shown[i], i % 2 ? 0 : panel_w, top_of[i])
	print "</svg>"
}

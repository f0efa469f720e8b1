# SPDX-License-Identifier: MIT
# results.tsv as an SVG: a panel per workload, a bar per program at its median, a whisker from the lowest to
# the highest round. Text and lines are of a grey that can be read on light and on dark ground.
# Variables: about, command.
BEGIN {
	FS = "\t"
	split("ping ping-pinned point update tx load insert", known, " ")
	title["ping"] = "ping: one query at a time, 1 connection"
	title["ping-pinned"] = "ping-pinned: the same, client and server on one CPU"
	title["point"] = "point: queries by key, 4 connections, 256 under way"
	title["update"] = "update: updates by key, 4 connections, 256 under way"
	title["tx"] = "tx: BEGIN, SELECT FOR UPDATE, UPDATE, COMMIT, 4 at a time"
	title["load"] = "load: rows into structs"
	title["insert"] = "insert: rows out of structs"
	split("holdfast-fast holdfast libpq-pipeline libpq-sync libzdb apr-dbd pgbench floor-fast floor", programs, " ")
	colour["holdfast"] = colour["holdfast-fast"] = "#2f81d7"
	colour["floor"] = colour["floor-fast"] = "none"
	panel_w = 440; label_w = 100; plot_w = 245; bar = 13; step = 19; head = 30; foot = 44
}
{
	n = ++count[$1, $2]
	v = $4 + 0
	value[$1, $2, n] = v
	if (n == 1 || v < low[$1, $2])
		low[$1, $2] = v
	if (n == 1 || v > high[$1, $2])
		high[$1, $2] = v
	if (v > most[$1])
		most[$1] = v
}
function median(w, p,    n, a, b, t, v) {
	n = count[w, p]
	for (a = 1; a <= n; a++) {
		v[a] = value[w, p, a]
		for (b = a; b > 1 && v[b - 1] > v[b]; b--) {
			t = v[b]
			v[b] = v[b - 1]
			v[b - 1] = t
		}
	}
	return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
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
function draw_bar(w, p, x, y, top,    med, k, base, c) {
	med = median(w, p)
	k = plot_w / top
	c = p in colour ? colour[p] : "#8b949e"
	text(x - 6, y + bar - 3, "label", p)
	printf "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" class=\"%s\" fill=\"%s\"><title>%s %s: median %.0f per second, lowest %.0f, highest %.0f</title></rect>\n", \
		x, y, med * k, bar, c == "none" ? "hollow" : "bar", c, p, w, med, low[w, p], high[w, p]
	line(x + low[w, p] * k, y + bar / 2, x + high[w, p] * k, y + bar / 2, "whisker")
	line(x + low[w, p] * k, y + 3, x + low[w, p] * k, y + bar - 3, "whisker")
	line(x + high[w, p] * k, y + 3, x + high[w, p] * k, y + bar - 3, "whisker")
	if (count[w, "libpq-sync"]) {
		base = median(w, "libpq-sync")
		text(x + plot_w + 8, y + bar - 3, "ratio", sprintf("%.2f", med / base))
	}
}
function draw_panel(w, x0, y0,    x, y, top, s, v, b, bottom) {
	s = axis_step(most[w])
	for (top = s; top < most[w]; top += s)
		;
	x = x0 + label_w
	y = y0 + head
	bottom = y + bars(w) * step
	text(x0 + 8, y0 + 14, "title", title[w])
	for (v = 0; v <= top; v += s) {
		line(x + v / top * plot_w, y - 4, x + v / top * plot_w, bottom, "grid")
		text(x + v / top * plot_w, bottom + 14, "tick", short(v))
	}
	text(x + plot_w / 2, bottom + 29, "tick", w == "load" || w == "insert" ? "rows per second" : \
		w == "tx" ? "transactions per second" : "queries per second")
	for (b = 1; b in programs; b++) {
		if (!count[w, programs[b]])
			continue
		draw_bar(w, programs[b], x, y, top)
		y += step
	}
}
END {
	for (i = 1; i in known; i++)
		if (known[i] in most)
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
	print ".label { text-anchor: end; } .tick { text-anchor: middle; font-size: 10px; }"
	print ".ratio { font-size: 10px; }"
	print ".grid { stroke: #768390; stroke-opacity: 0.3; } .whisker { stroke: #cf8a17; stroke-width: 1.5; }"
	print ".hollow { stroke: #768390; stroke-dasharray: 3 2; }"
	print "</style>"
	text(8, 20, "big", "holdfast beside what a C program has at hand")
	text(8, 38, "note", "Bars: medians; whiskers: lowest and highest round; figures at the right: times libpq-sync." \
		" Dashed: a bare queue with workers.")
	text(8, 54, "note", about "; " command)
	for (i = 1; i <= np; i++)
		draw_panel(shown[i], i % 2 ? 0 : panel_w, top_of[i])
	print "</svg>"
}

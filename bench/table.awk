# SPDX-License-Identifier: MIT
# results.tsv as tables: medians of the rounds. Variable: about.
BEGIN {
	FS = "\t"
	np = split("libpq-sync libpq-pipeline libzdb apr-dbd pgbench holdfast holdfast-fast floor floor-fast", \
		order_p, " ")
	title["ping"] = "one query at a time, 1 connection"
	title["ping-pinned"] = "the same with client and server on one CPU"
	title["point"] = "queries by key, each its own transaction, 4 connections, 256 under way"
	title["update"] = "updates by key, each its own transaction, 4 connections, 256 under way"
	title["tx"] = "BEGIN, SELECT FOR UPDATE, UPDATE, COMMIT; 4 at a time on 4 connections"
	title["load"] = "rows of four columns into structs"
	title["insert"] = "rows of four columns out of structs"
}
{
	if (!($1 in seen_w))
		order_w[++nw] = $1
	seen_w[$1] = 1
	n = ++count[$1, $2]
	for (i = 4; i <= 8; i++)
		value[$1, $2, i, n] = $i
}
# The k-th of n sorted values of column i: k from 0 (the lowest) to 1.
function quantile(w, p, i, k,    n, a, b, t, v) {
	n = count[w, p]
	for (a = 1; a <= n; a++)
		v[a] = value[w, p, i, a]
	if (n == 0 || v[1] == "-")
		return "-"
	for (a = 2; a <= n; a++)
		for (b = a; b > 1 && v[b - 1] + 0 > v[b] + 0; b--) {
			t = v[b]
			v[b] = v[b - 1]
			v[b - 1] = t
		}
	if (k == 0.5 && n % 2 == 0)
		return (v[n / 2] + v[n / 2 + 1]) / 2
	return v[1 + int(k * (n - 1) + 0.5)] + 0
}
function number(x, format) {
	return x == "-" ? "-" : sprintf(format, x)
}
function ratio(w, rate, p,    base) {
	base = quantile(w, p, 4, 0.5)
	return base == "-" ? "-" : sprintf("%.2f", rate / base)
}
END {
	print about
	for (a = 1; a <= nw; a++) {
		w = order_w[a]
		printf "\n%s: %s\n\n", w, title[w]
		printf "  %-15s %10s  %-11s %8s %8s %9s %9s %9s %7s\n", "", "per second", "low - high", \
			"/ sync", "/ pipel.", "p50 us", "p99 us", "CPU us/op", "RSS MB"
		for (b = 1; b <= np; b++) {
			p = order_p[b]
			rate = quantile(w, p, 4, 0.5)
			if (rate == "-")
				continue
			rss = quantile(w, p, 8, 0.5)
			printf "  %-15s %10.0f  %4.2f - %4.2f %8s %8s %9s %9s %9s %7s\n", p, rate, \
				quantile(w, p, 4, 0) / rate, quantile(w, p, 4, 1) / rate, \
				ratio(w, rate, "libpq-sync"), ratio(w, rate, "libpq-pipeline"), \
				number(quantile(w, p, 5, 0.5), "%.1f"), number(quantile(w, p, 6, 0.5), "%.1f"), \
				number(quantile(w, p, 7, 0.5), "%.2f"), rss == "-" ? "-" : sprintf("%.1f", rss / 1024)
		}
	}
}

# SPDX-License-Identifier: MIT
# Reads results.tsv for the other awk programs here. Columns: 4 rate, 5 p50 in µs, 6 p99 in µs, 7 µs of CPU
# per operation, 8 peak memory in kB.
BEGIN { FS = "\t" }
{
	if (!($1 in seen_w))
		order_w[++nw] = $1
	seen_w[$1] = 1
	n = ++count[$1, $2]
	for (i = 4; i <= 8; i++)
		value[$1, $2, i, n] = $i
}
# Of workload w, program p, column i over the rounds: the lowest (k is 0), the median (0.5), the highest (1);
# "-" where there is none.
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

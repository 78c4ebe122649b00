# Lines "ROUND NAME VALUE UNIT" to "NAME MEDIAN UNIT (min, max)", then the ratios that the gate is held to, each the median of the
# rounds' own ratios.  -v rounds=N; -v prefix=NAME_ stands before each name; -v large=N: what a large store may cost by a small one.
function median(list, n,    i, j, t) {
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && list[j - 1] > list[j]; j--) { t = list[j]; list[j] = list[j - 1]; list[j - 1] = t }
	return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}
# over(NAME, A, B, WHAT, BOUND): A's WHAT by B's; WHAT "rate" is held from below, a time from above, nothing without a BOUND.
function over(name, a, b, what, bound,    r, n, list, m, held) {
	n = 0
	for (r = 1; r <= rounds; r++)
		if ((r, a "_" what) in value && (r, b "_" what) in value)
			list[++n] = value[r, a "_" what] / value[r, b "_" what]
	if (n == 0)
		return
	m = median(list, n)
	held = what == "rate" ? m >= bound : m <= bound
	printf "%s%s %.2f ratio (min %.2f, max %.2f", prefix, name, m, list[1], list[n]
	if (bound != "")
		printf "; wanted: at %s %s%s", (what == "rate" ? "least" : "most"), bound, (held ? "" : ", MISSED")
	print ")"
}
{
	if (!($2 in unit)) { names[++n_names] = $2; unit[$2] = $4 }
	value[$1, $2] = $3
}
END {
	for (i = 1; i <= n_names; i++) {
		n = 0
		for (r = 1; r <= rounds; r++)
			if ((r, names[i]) in value)
				list[++n] = value[r, names[i]]
		m = median(list, n)
		printf "%s%s %s %s (min %s, max %s)\n", prefix, names[i], m, unit[names[i]], list[1], list[n]
	}
	split("1 8 64", ks, " ")
	split("0.65 0.55 0.35", floors, " ")
	split("4 7 30", peers, " ")
	for (i = 1; i <= 3; i++) {
		k = "_k" ks[i]
		over("coldrelay_over_floor" k, "coldrelay" k, "floor" k, "rate", floors[i])
		over("coldrelay_over_redis" k, "coldrelay" k, "redis" k, "rate", 1)
		over("coldrelay_over_policyd_rate_limit" k, "coldrelay" k, "policyd-rate-limit" k, "rate", peers[i])
		over("coldrelay_over_postfwd" k, "coldrelay" k, "postfwd" k, "rate", peers[i])
	}
	over("p99_over_floor_k8", "coldrelay_k8", "floor_k8", "p99", 2)
	over("denials_over_echo_k8", "coldrelay_deny_k8", "echo_k8", "rate", 0.7)
	over("denials_over_redis_k8", "coldrelay_deny_k8", "redis_deny_k8", "rate", 1)
	over("512_idle_over_alone_k8", "coldrelay_beside_512_idle_k8", "coldrelay_busy_k8", "rate", 0.95)
	for (i = 1; i <= 2; i++) {
		k = "_k" ks[i]
		over("large_over_small" k "_p50", "large" k, "small" k, "p50", large)
		over("large_over_small" k "_cpu", "large" k, "small" k, "cpu", large)
	}
}

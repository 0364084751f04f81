// The bodies of fold.py.
KERNEL(shrink) {
    int top = min(y, (h - 1) / k) * k, left = min(x, (w - 1) / k) * k;
    int bottom = min(top + k, h), right = min(left + k, w);
    float total = 0.f;
    for (int j = top; j < bottom; ++j)
        for (int i = left; i < right; ++i) total += source(j, i);
    out(y, x) = total / float((bottom - top) * (right - left));
}

KERNEL(enlarge_span) {
    float v = fmaxf((float(y) + 0.5f) / float(k) - 0.5f, 0.f);
    int j = int(v), upper = min(j, m - 1), lower = min(j + 1, m - 1);
    float fy = v - float(j), step = 1.f / float(k), begin = (float(k / 2) + 0.5f) * step - 0.5f;
    for (int g = i * span; g < min(i * span + span, n + 1); ++g) {
        int before = max(g - 1, 0), after = min(g, n - 1), left = k * (g - 1) + k / 2;
        float here = source(upper, before) + (source(lower, before) - source(upper, before)) * fy;
        float there = source(upper, after) + (source(lower, after) - source(upper, after)) * fy;
        for (int p = max(0, -left); p < min(k, w - left); ++p)
            out(y, left + p) = here + (there - here) * (begin + float(p) * step);
    }
}

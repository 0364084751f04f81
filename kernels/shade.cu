// The shadow that a subject casts; see shade.py, whose constants these repeat.
#define FAINT 0.1f
#define CROWD 4.f
#define HALF 0.25f
#define DARKEST 0.1f

KERNEL(weigh_cells) {
    float seen = 0.f, shadow = 0.f, lit = 0.f, full = 0.f, known = 1.f;
    for (int j = y * k; j < min(y * k + k, h); ++j)
        for (int i = x * k; i < min(x * k + k, w); ++i) {
            if (alpha(j, i) > FAINT) known = 0.f;
            seen += 1.f;
            shadow += label(j, i) == 127 ? 1.f : 0.f;
            lit += 0.299f * image(j, i, 0) + 0.587f * image(j, i, 1) + 0.114f * image(j, i, 2);
            full += 0.299f * plate(j, i, 0) + 0.587f * plate(j, i, 1) + 0.114f * plate(j, i, 2);
        }
    out(0, y, x) = known;
    out(1, y, x) = known * shadow / seen;
    out(2, y, x) = lit / seen;
    out(3, y, x) = full / seen;
}

KERNEL(sum_light) {
    float lit = 0.f, full = 0.f;
    for (int x = 0; x < n; ++x)
        if (cells(0, y, x) > 0.f && cells(1, y, x) == 0.f) {
            lit += cells(2, y, x);
            full += cells(3, y, x);
        }
    out(y, 0) = lit;
    out(y, 1) = full;
}

KERNEL(exposure) {
    float lit = 0.f, full = 0.f;
    for (int y = 0; y < m; ++y) {
        lit += rows(y, 0);
        full += rows(y, 1);
    }
    out(i) = full > 0.f ? fminf(fmaxf(lit / full, 0.25f), 4.f) : 1.f;
}

KERNEL(missing_light) {
    float share = fminf(CROWD * near(1, y, x) / fmaxf(near(0, y, x), 1e-6f), 1.f);
    float left = (cells(2, y, x) + 1.f) / (gain(0) * cells(3, y, x) + 1.f);
    out(0, y, x) = cells(0, y, x);
    out(1, y, x) = cells(0, y, x) * share * (1.f - fminf(fmaxf(left, DARKEST), 1.f));
}

KERNEL(fill) {
    float sure = fminf(means(0, y, x) / HALF, 1.f);
    float there = 1.f - fminf(strength * means(1, y, x) / fmaxf(means(0, y, x), 1e-6f), 1.f);
    shade(y, x) += (there - shade(y, x)) * sure;
}

KERNEL(count_shadow) {
    float total = 0.f;
    int bottom = min(y * k + k, h), right = min(x * k + k, w);
    for (int j = y * k; j < bottom; ++j)
        for (int i = x * k; i < right; ++i) total += label(j, i) == 127 ? 1.f : 0.f;
    out(0, y, x) = total / float((bottom - y * k) * (right - x * k));
}

KERNEL(keep_shadow) {
    float s = fminf(fmaxf(2.f * share(y, x) - 0.5f, 0.f), 1.f);
    out(y, x) = fmaxf(alpha(y, x), strength * s);
}

// CUDA bodies of span.py.
KERNEL(of_rows) {
    float low = values(y, 0), high = low;
    for (int x = 1; x < n; ++x) {
        low = fminf(low, values(y, x));
        high = fmaxf(high, values(y, x));
    }
    ends(y, 0) = low;
    ends(y, 1) = high;
}

KERNEL(of_all) {
    float low = rows(0, 0), high = rows(0, 1);
    for (int y = 1; y < m; ++y) {
        low = fminf(low, rows(y, 0));
        high = fmaxf(high, rows(y, 1));
    }
    ends(i, 0) = low;
    ends(i, 1) = high;
}

KERNEL(between) {
    float low = ends(0, 0), high = ends(0, 1);
    if (high > low) values(y, x) = (values(y, x) - low) / (high - low);
}

KERNEL(levelled) {
    int channel = y / rows + x % step;
    float scale = channel == 0 ? r_scale : channel == 1 ? g_scale : b_scale;
    float shift = channel == 0 ? r_shift : channel == 1 ? g_shift : b_shift;
    float peak = ends(0, 1);
    float level = peak > 0.f ? values(y, x) / peak : values(y, x);
    values(y, x) = level * scale + shift;
}

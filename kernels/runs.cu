// Where a matte has an edge; see runs.py.
constexpr int ABOVE = 1, BELOW = 2;

KERNEL(sort) {
    for (int i = 0; i < w; ++i) high(y, i) = low(y, i) = alpha(y * side, i);
    for (int j = y * side + 1; j < min(y * side + side, h); ++j)
        for (int i = 0; i < w; ++i) {
            float a = alpha(j, i);
            high(y, i) = a > high(y, i) ? a : high(y, i);
            low(y, i) = a < low(y, i) ? a : low(y, i);
        }
    for (int tile = 0; tile < q; ++tile) {
        int found = 0;
        for (int i = tile * side; i < min(tile * side + side, w); ++i)
            found |= (high(y, i) > flat ? ABOVE : 0) | (low(y, i) < 1.f - flat ? BELOW : 0);
        kind(y, tile) = (unsigned char)found;
    }
}

KERNEL(spread) {
    int found = 0;
    for (int j = max(y - reach, 0); j < min(y + reach + 1, p); ++j)
        for (int i = max(x - reach, 0); i < min(x + reach + 1, q); ++i) found |= kind(j, i);
    near(y, x) = (unsigned char)found;
}

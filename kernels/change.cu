// The bodies of change.py.
static __device__ int luma(const View<const unsigned char, 3>& image, int y, int x) {
    return (int(image(y, x, 0)) + 2 * int(image(y, x, 1)) + int(image(y, x, 2))) / 4;
}

KERNEL(pick) { out(y, x) = (unsigned char)luma(image, y * k, x * k);
}

KERNEL(differ) {
    int total = 0;
    int bottom = min(y * 4 + 4, m), right = min(x * 4 + 4, n);
    for (int j = y * 4; j < bottom; ++j) {
        for (int i = x * 4; i < right; ++i) total += abs(luma(image, j * k, i * k) - int(samples(j, i)));
    }
    out(y, x) = float(total) / float((bottom - y * 4) * (right - x * 4));
}

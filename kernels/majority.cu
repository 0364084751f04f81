// The median of labels; see majority.py.
KERNEL(majority_column) {
    int start = i * span, stop = min(start + span, w);
    for (int x = start; x < stop; ++x) {
        int total = 0;
        for (int line = max(y - r, 0); line <= min(y + r, h - 1); ++line)
            total += (raw(line, x) == 255 ? 1 : 0) + (raw(line, x) != 0 ? 256 : 0);
        votes(y, x + r) = (unsigned short)total;
    }
    if (start == 0)
        for (int x = 0; x < r; ++x) votes(y, x) = 0;
    if (stop == w)
        for (int x = w + r; x < w + 2 * r; ++x) votes(y, x) = 0;
}

KERNEL(majority_square) {
    int start = i * span, stop = min(start + span, w);
    int rows = min(y + r, h - 1) - max(y - r, 0) + 1;
    for (int x = start; x < stop; ++x) {
        int total = 0;
        for (int k = 0; k < 2 * r + 1; ++k) total += votes(y, x + k);
        int half = rows * (min(x + r, w - 1) - max(x - r, 0) + 1) / 2;
        sums(y, x) = (unsigned short)total;
        label(y, x) = (unsigned char)(total % 256 > half ? 255 : total / 256 > half ? shadow : 0);
    }
}

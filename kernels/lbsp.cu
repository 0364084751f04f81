// Colours and patterns of pixels; see lbsp.py, whose constants these repeat.
enum { LANES = 64, FAR = 3 * LANES, NEAR = 4 * LANES, EDGE = 2 };
#define RELATIVE 0.1f
#define ABSOLUTE 6.f

KERNEL(lbsp_gray) {
    int line = min(max(y - EDGE, 0), h - 1), start = i * span, stop = min(start + span, w);
    for (int x = start; x < stop; ++x)
        gray(y, x + EDGE) = (unsigned char)((image(line, x, 0) * 77 + image(line, x, 1) * 150 + image(line, x, 2) * 29) >> 8);
    if (start == 0)
        for (int k = 0; k < EDGE; ++k) gray(y, k) = gray(y, EDGE);
    if (start + span >= w)
        for (int k = 0; k < EDGE; ++k) gray(y, w + EDGE + k) = gray(y, w + EDGE - 1);
}

KERNEL(lbsp_look) {
    int start = i * span, stop = min(start + span, w);
    for (int x = start; x < stop; ++x) {
        int tile = x / LANES, at = x % LANES, lower = 0, upper = 0;
        for (int c = 0; c < 3; ++c) out(y, tile, at + c * LANES) = image(y, x, c);
        float mid = gray(y + EDGE, x + EDGE), limit = mid * RELATIVE + ABSOLUTE;
        for (int k = 0; k < 8; ++k) {
            int n = k < 4 ? k : k + 1, dy = n / 3 - 1, dx = n % 3 - 1;
            if (fabsf(gray(y + EDGE + 2 * dy, x + EDGE + 2 * dx) - mid) > limit) lower |= 1 << k;
            if (fabsf(gray(y + EDGE + dy, x + EDGE + dx) - mid) > limit) upper |= 1 << k;
        }
        out(y, tile, at + FAR) = (unsigned char)lower;
        out(y, tile, at + NEAR) = (unsigned char)upper;
    }
}

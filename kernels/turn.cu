// CUDA bodies of turn.py.
static __device__ __forceinline__ float byte(float v) { return fminf(fmaxf(v, 0.f), 255.f); }

struct Lane {  // one number of a pixel of the result, of the eight rows and three colours of a band
    const View<const unsigned char, 2>& src;
    const View<const int, 2>& first;
    const View<const float, 2>& weight;
    int y, colour, h, taps;
    __device__ float down(int x) const {
        float sum = 0.f;
        for (int j = 0; j < taps; j += 4) {
            int at = first(y, 0) + j, c = 3 * x + colour;
            float p = weight(y, j) * src(min(at, h - 1), c), q = weight(y, j + 1) * src(min(at + 1, h - 1), c);
            float r = weight(y, j + 2) * src(min(at + 2, h - 1), c), s = weight(y, j + 3) * src(min(at + 3, h - 1), c);
            sum += (p + q) + (r + s);
        }
        return sum;
    }
};

KERNEL(resample) {
    for (int x = 0; x < n; ++x) {
        for (int z = 0; z < 24; ++z) {
            Lane lane{src, first_y, weight_y, min(8 * band + z % 8, m - 1), z / 8, h, i};
            float sum = 0.f;
            for (int tap = 0; tap < j; tap += 4) {
                int at = max(first_x(x, 0) + tap, 0);
                float p = weight_x(x, tap) * lane.down(min(at, w - 1));
                float q = weight_x(x, tap + 1) * lane.down(min(at + 1, w - 1));
                float r = weight_x(x, tap + 2) * lane.down(min(at + 2, w - 1));
                float s = weight_x(x, tap + 3) * lane.down(min(at + 3, w - 1));
                sum += (p + q) + (r + s);
            }
            out(band, x, z) = sum;
        }
    }
}

KERNEL(to_planes) {
    out(0, y, x) = byte(src(y >> 3, x, 0, y & 7)) * r_scale + r_shift;
    out(1, y, x) = byte(src(y >> 3, x, 1, y & 7)) * g_scale + g_shift;
    out(2, y, x) = byte(src(y >> 3, x, 2, y & 7)) * b_scale + b_shift;
}

KERNEL(to_pixels) {
    out(y, x, 0) = byte(src(y >> 3, x, 0, y & 7)) * r_scale + r_shift;
    out(y, x, 1) = byte(src(y >> 3, x, 1, y & 7)) * g_scale + g_shift;
    out(y, x, 2) = byte(src(y >> 3, x, 2, y & 7)) * b_scale + b_shift;
}

#define GRID 4

static __device__ __forceinline__ unsigned mix(unsigned n) {
    n = ((n >> 16) ^ n) * 0x45D9F3Bu;
    n = ((n >> 16) ^ n) * 0x45D9F3Bu;
    return (n >> 16) ^ n;
}

static __device__ __forceinline__ float uniform(unsigned n) { return float(mix(n) >> 8) * (1.f / 16777216.f); }

static __device__ __forceinline__ float clip(float v) { return fminf(fmaxf(v, 0.f), 1.f); }

static __device__ __forceinline__ float lattice(float x, float y, unsigned seed) {
    int ix = int(x), iy = int(y);
    float fx = x - float(ix), fy = y - float(iy);
    fx = fx * fx * (3.f - 2.f * fx);
    fy = fy * fy * (3.f - 2.f * fy);
    unsigned upper = mix(seed + iy), lower = mix(seed + iy + 1);
    float a = uniform(upper + ix), b = uniform(upper + ix + 1);
    float c = uniform(lower + ix), d = uniform(lower + ix + 1);
    float top = a + (b - a) * fx;
    return top + (c + (d - c) * fx - top) * fy;
}

static __device__ __forceinline__ float slab(float p, float centre, float half, float soft) {
    return clip(0.5f + (half - fabsf(p - centre)) / soft);
}

static __device__ __forceinline__ float pane(float x, float y, float cx, float cy, float rx, float ry) {
    return slab(x, cx, rx, 0.012f) * slab(y, cy, ry, 0.012f);
}

static __device__ __forceinline__ float room(float x, float y, float wide, float wall, unsigned seed, int c) {
    float v = wall * (1.08f - 0.22f * x / wide - 0.1f * y);
    float glow = clip(1.f - (fabsf(x - 0.3f) + fabsf(y - 0.32f)) * 1.1f);
    v += glow * glow * (16.f - 5.f * float(c));
    v += (212.f - v) * pane(x, y, 0.3f, 0.32f, 0.21f, 0.25f);
    float sky = 186.f + 10.f * float(c) + 18.f * (y - 0.2f);
    for (int k = 0; k < 4; ++k) {
        float px = 0.2f + 0.2f * float(k % 2);
        float py = 0.2f + 0.24f * float(k / 2);
        v += (sky - v) * pane(x, y, px, py, 0.085f, 0.105f);
    }
    v += (196.f - v) * pane(x, y, 0.3f, 0.585f, 0.24f, 0.014f);
    float left = wide - 0.52f;
    for (int k = 0; k < 2; ++k) {
        float board = 0.36f + 0.27f * float(k);
        int slot = int(fmaxf((x - left) / 0.036f, 0.f));
        unsigned book = seed + slot + 40 * k;
        float tall = 0.1f + 0.06f * uniform(book);
        if (slot < 12 && uniform(book + 400) < 0.8f) {
            float cx = left + (float(slot) + 0.5f) * 0.036f;
            float tint = 0.16f * uniform(book * 3 + c + 800);
            float cover = wall * (0.5f + 0.36f * uniform(book + 600) + tint);
            v += (cover - v) * pane(x, y, cx, board - tall / 2.f, 0.014f, tall / 2.f);
        }
        float wood = 132.f - 22.f * float(c);
        v += (wood - v) * pane(x, y, left + 0.22f, board + 0.01f, 0.25f, 0.012f);
    }
    v += (wall * 0.78f - v) * clip((y - 0.9f) / 0.01f);
    return v + 3.f * lattice(x * 60.f + 8.f, y * 60.f + 8.f, seed) - 1.5f;
}

KERNEL(backdrop) {
    float px = (float(x - margin) + 0.5f) / h;
    float py = (float(y - margin) + 0.5f) / h;
    for (int c = 0; c < 3; ++c) {
        float v = palette(0, c);
        if (style == 1) {
            v += (palette(1, c) - v) * clip((px * h / w + py) * 0.5f);
        } else if (style == 2) {
            float grain = 0.f, size = 5.f;
            for (int octave = 0; octave < 4; ++octave) {
                grain += lattice((px + 1.f) * size, (py + 1.f) * size, (unsigned(seed) + 31 * octave) * 3 + c) / size;
                size *= 2.5f;
            }
            v += (palette(1, c) - v) * clip((grain - 0.1f) * 8.f);
        } else if (style == 3) {
            v = room(px, py, w / h, v, seed, c);
        }
        out(y, x, c) = fminf(fmaxf(v, 0.f), 255.f);
    }
}

KERNEL(cover) {
    alpha(y, x) = layer(y, x) + alpha(y, x) * (1.f - layer(y, x));
}

static __device__ __forceinline__ float shaded(View<const float, 2> shade, int y, int x) {
    int iy = (y + GRID / 2) / GRID, ix = (x + GRID / 2) / GRID;
    float fy = (float(y + GRID / 2 - GRID * iy) + 0.5f) / float(GRID);
    float fx = (float(x + GRID / 2 - GRID * ix) + 0.5f) / float(GRID);
    float upper = shade(iy, ix) + (shade(iy, ix + 1) - shade(iy, ix)) * fx;
    float lower = shade(iy + 1, ix) + (shade(iy + 1, ix + 1) - shade(iy + 1, ix)) * fx;
    return upper + (lower - upper) * fy;
}

KERNEL(light) {
    float lit = gain * (1.f - strength * shaded(shade, y, x));
    for (int c = 0; c < 3; ++c) {
        float upper = backdrop(y + top, x + left, c);
        upper += (backdrop(y + top, x + left + 1, c) - upper) * fx;
        float lower = backdrop(y + top + 1, x + left, c);
        lower += (backdrop(y + top + 1, x + left + 1, c) - lower) * fx;
        plate(y, x, c) = (unsigned char)(int(fminf((upper + (lower - upper) * fy) * lit, 255.f) + 0.5f));
    }
}

KERNEL(develop) {
    float a = alpha(y, x);
    unsigned row = mix(unsigned(key) + unsigned(y) * 0x9E3779B1u);
    for (int c = 0; c < 3; ++c) {
        float v = float(foreground(y, x, c)) * a + float(plate(y, x, c)) * (1.f - a);
        if (sigma > 0.f) {
            unsigned n = mix(row + unsigned(x * 3 + c));
            int sum = int((n & 255) + ((n >> 8) & 255) + ((n >> 16) & 255) + (n >> 24));
            v = fminf(fmaxf(v + float(sum - 510) * (1.f / 147.8f) * sigma, 0.f), 255.f);
        }
        image(y, x, c) = (unsigned char)(int(v + 0.5f));
    }
}

KERNEL(annotate) {
    bool dark = strength * shaded(shade, y, x) >= 0.125f;
    label(y, x) = alpha(y, x) >= 0.5f ? 255 : (dark ? 127 : 0);
}

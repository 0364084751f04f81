// The columns of a figure, as in figure.py.
enum { KIND, X, Y, UNIT, COS, SIN, JOINTS = 10, SKIN = 26, HAIR = 29, CLOTH = 32, LEGS = 35, LOCKS = 38, STRANDS = 39 };
enum { PERSON, ELLIPSE };

typedef View<const float, 2> Figures;

#define TILE 8

static __device__ __forceinline__ unsigned mix(unsigned n) {
    n = ((n >> 16) ^ n) * 0x45D9F3Bu;
    n = ((n >> 16) ^ n) * 0x45D9F3Bu;
    return (n >> 16) ^ n;
}

static __device__ __forceinline__ float uniform(unsigned n) { return float(mix(n) >> 8) * (1.f / 16777216.f); }

static __device__ __forceinline__ float clip(float v) { return fminf(fmaxf(v, 0.f), 1.f); }

static __device__ __forceinline__ float smooth_min(float a, float b, float k) {
    float h = fmaxf(k - fabsf(a - b), 0.f) / k;
    return fminf(a, b) - h * h * k * 0.25f;
}

static __device__ __forceinline__ float ellipse(float u, float v, float cx, float cy, float rx, float ry) {
    float px = (u - cx) / rx, py = (v - cy) / ry;
    float k = sqrtf(px * px + py * py);
    float slope = sqrtf(px * px / (rx * rx) + py * py / (ry * ry));
    return (k - 1.f) * (k + 1e-6f) / (slope + 1e-6f / fminf(rx, ry));
}

static __device__ __forceinline__ float limb(float u, float v, float ax, float ay, float bx, float by, float ra,
                                             float rb) {
    float px = u - ax, py = v - ay;
    float dx = bx - ax, dy = by - ay;
    float t = clip((px * dx + py * dy) / (dx * dx + dy * dy + 1e-6f));
    px -= dx * t;
    py -= dy * t;
    return sqrtf(px * px + py * py) - ra - (rb - ra) * t;
}

static __device__ __forceinline__ float face(float u, float v) {
    float skull = ellipse(u, v, 0.f, -0.76f, 0.36f, 0.46f);
    float jaw = ellipse(u, v, 0.f, -0.53f, 0.26f, 0.29f);
    float ears = ellipse(fabsf(u), v, 0.36f, -0.71f, 0.06f, 0.11f);
    return fminf(smooth_min(skull, jaw, 0.1f), ears);
}

static __device__ __forceinline__ float fringe(float u, float v) {
    float cap = ellipse(u, v, 0.f, -0.88f, 0.42f, 0.43f);
    float line = ellipse(u, v, 0.05f, -0.6f, 0.34f, 0.44f);
    return fmaxf(fmaxf(cap, -line), v + 0.7f);
}

static __device__ __forceinline__ float locks(float u, float v, float length) {
    return limb(fabsf(u), v, 0.29f, -0.88f, 0.31f, -0.72f + length, 0.13f, 0.12f);
}

static __device__ __forceinline__ float neck(float u, float v) {
    return limb(u, v, 0.f, -0.4f, 0.f, 0.06f, 0.19f, 0.22f);
}

static __device__ __forceinline__ float torso(float u, float v) {
    float a = fabsf(u);
    float side = (a - 0.74f + 0.09f * v) * 0.996f;
    float box = fmaxf(fmaxf(side, 0.34f - v), v - 2.5f);
    return smooth_min(box, limb(a, v, 0.f, 0.2f, 0.66f, 0.44f, 0.16f, 0.24f), 0.15f);
}

static __device__ __forceinline__ float arm(Figures f, int i, float u, float v, float side, int j) {
    float ex = f(i, j), ey = f(i, j + 1);
    float upper = limb(u, v, side * 0.7f, 0.46f, ex, ey, 0.22f, 0.17f);
    return fminf(upper, limb(u, v, ex, ey, f(i, j + 2), f(i, j + 3), 0.17f, 0.11f));
}

static __device__ __forceinline__ float hand(Figures f, int i, float u, float v, int j) {
    float x = f(i, j + 2), y = f(i, j + 3);
    float dx = (x - f(i, j)) * 0.16f, dy = (y - f(i, j + 1)) * 0.16f;
    float palm = limb(u, v, x, y, x + dx + dx, y + dy + dy, 0.1f, 0.13f);
    float thumb = limb(u, v, x + dx, y + dy, x + dx - dy, y + dy + dx, 0.06f, 0.05f);
    return smooth_min(palm, thumb, 0.05f);
}

static __device__ __forceinline__ float legs(Figures f, int i, float u, float v) {
    float d = limb(u, v, -0.1f, 2.4f, 0.1f, 2.4f, 0.45f, 0.45f);
    for (int j = JOINTS + 8; j < JOINTS + 16; j += 4) {
        float kx = f(i, j), ky = f(i, j + 1), fx = f(i, j + 2), fy = f(i, j + 3);
        d = fminf(d, limb(u, v, float(j - JOINTS - 10) * 0.14f, 2.5f, kx, ky, 0.31f, 0.21f));
        d = fminf(d, limb(u, v, kx, ky, fx, fy, 0.21f, 0.14f));
        d = fminf(d, limb(u, v, fx, fy, fx + 0.28f, fy + 0.06f, 0.14f, 0.1f));
    }
    return d;
}

static __device__ __forceinline__ float outline(Figures f, int i, float u, float v) {
    if (f(i, KIND) == float(ELLIPSE)) return ellipse(u, v, 0.f, 0.f, f(i, JOINTS), f(i, JOINTS + 1));
    float d = smooth_min(torso(u, v), neck(u, v), 0.12f);
    if (v < 0.6f) d = fminf(d, fminf(fminf(face(u, v), fringe(u, v)), locks(u, v, f(i, LOCKS))));
    for (int side = 0; side < 2; ++side) {
        int j = JOINTS + 4 * side;
        d = fminf(d, fminf(arm(f, i, u, v, float(2 * side - 1), j), hand(f, i, u, v, j)));
    }
    if (v > 1.4f) d = fminf(d, legs(f, i, u, v));
    return d;
}

static __device__ __forceinline__ float strand(float u, float v, float reach, float unit) {
    float py = v + 0.81f;
    float r = sqrtf(u * u + py * py);
    if (reach == 0.f || py > 0.f || r < 0.3f || r > 0.8f) return 0.f;
    float t = u / (fabsf(u) + fabsf(py));
    int sector = int((t + 1.f) * 60.f);
    t = (float(sector) + 0.3f + 0.4f * uniform(sector)) / 60.f - 1.f;
    float down = fabsf(t) - 1.f;
    float size = sqrtf(t * t + down * down);
    float along = (u * t + py * down) / size;
    float across = fabsf(u * down - py * t) / size * unit;
    float left = 1.f - (along - 0.4f) / (reach * (0.12f + 0.24f * uniform(sector + 977)));
    return clip(1.f - across) * clip(left);
}

static __device__ __forceinline__ void place(Figures f, int i, float x, float y, float& u, float& v) {
    float dx = (x - f(i, X)) / f(i, UNIT);
    float dy = (y - f(i, Y)) / f(i, UNIT);
    u = dx * f(i, COS) + dy * f(i, SIN);
    v = dy * f(i, COS) - dx * f(i, SIN);
}

static __device__ __forceinline__ void coat(float* rgb, Figures f, int i, int column, float light, float k) {
    for (int c = 0; c < 3; ++c) rgb[c] += (f(i, column + c) * light - rgb[c]) * k;
}

static __device__ __forceinline__ void paint_head(float* rgb, Figures f, int i, float u, float v, float sharp,
                                                  float lift) {
    coat(rgb, f, i, HAIR, 0.72f - 0.15f * u, clip(lift - locks(u, v, f(i, LOCKS)) * sharp));
    float light = 0.62f + 0.25f * clip((v + 0.3f) * 2.5f) - 0.35f * u;
    coat(rgb, f, i, SKIN, light, clip(lift - neck(u, v) * sharp));
    float skin = face(u, v);
    light = 0.88f + 0.12f * clip(skin * -6.f) - 0.22f * u - 0.1f * (v + 0.76f);
    coat(rgb, f, i, SKIN, light, clip(lift - skin * sharp));
    float a = fabsf(u);
    float blush = clip(0.5f - ellipse(a, v, 0.2f, -0.55f, 0.09f, 0.07f) * 6.f);
    rgb[0] += 14.f * blush;
    float eye = ellipse(a, v, 0.145f, -0.74f, 0.05f, 0.045f);
    float brow = limb(a, v, 0.08f, -0.875f, 0.21f, -0.87f, 0.02f, 0.014f);
    coat(rgb, f, i, HAIR, 0.5f, clip(0.5f - fminf(eye, brow) * sharp));
    float nose = limb(u, v, 0.03f, -0.7f, 0.045f, -0.57f, 0.012f, 0.03f);
    float mouth = limb(a, v, 0.f, -0.405f, 0.12f, -0.435f, 0.022f, 0.01f);
    coat(rgb, f, i, SKIN, 0.66f, clip(0.5f - fminf(nose, mouth) * sharp));
    float cap = fringe(u, v);
    coat(rgb, f, i, HAIR, 0.85f + 0.3f * clip(cap * -5.f) - 0.4f * u, clip(lift - cap * sharp));
}

static __device__ __forceinline__ void colour(float* rgb, Figures f, int i, float u, float v, float lift) {
    rgb[0] = rgb[1] = rgb[2] = 0.f;
    if (f(i, KIND) == float(ELLIPSE)) return coat(rgb, f, i, CLOTH, 0.85f - 0.15f * (u + v), 1.f);
    float light = 0.76f + 0.24f * clip(torso(u, v) * -3.f) - 0.14f * u;
    coat(rgb, f, i, v < -0.75f ? HAIR : CLOTH, light, 1.f);
    float sharp = f(i, UNIT);
    if (v > 1.4f) {
        float below = legs(f, i, u, v);
        coat(rgb, f, i, LEGS, 0.7f + 0.3f * clip(below * -5.f), clip(lift - below * sharp));
        coat(rgb, f, i, CLOTH, light, clip(lift - torso(u, v) * sharp));
    }
    if (v < 0.6f) {
        float collar = limb(fabsf(u), v, 0.f, 0.3f, 0.2f, 0.16f, 0.035f, 0.04f);
        coat(rgb, f, i, CLOTH, 0.62f, clip(0.5f - collar * sharp));
        paint_head(rgb, f, i, u, v, sharp, lift);
    }
    if (fabsf(u) > 0.3f) {
        int side = u > 0.f ? 1 : 0;
        int j = JOINTS + 4 * side;
        float palm = hand(f, i, u, v, j);
        coat(rgb, f, i, SKIN, 0.86f - 0.8f * fmaxf(palm, -0.14f), clip(lift - palm * sharp));
        float sleeve = arm(f, i, u, v, float(2 * side - 1), j);
        light = 0.74f + 0.22f * clip(sleeve * -7.f) - 0.06f * u;
        coat(rgb, f, i, CLOTH, light, clip(lift - sleeve * sharp));
    }
}

KERNEL(silhouette_tile) {
    int y0 = TILE * row, x0 = TILE * column;
    float unit = figures(i, UNIT), u, v;
    place(figures, i, left + float(x0 + TILE / 2), top + float(y0 + TILE / 2), u, v);
    float far = outline(figures, i, u, v) * unit;
    float near = 1.5f * TILE + soft;
    for (int y = y0; y < min(y0 + TILE, h); ++y) {
        for (int x = x0; x < min(x0 + TILE, w); ++x) {
            float a = 1.f;
            if (far > -near) {
                a = 0.f;
                if (far < near + figures(i, STRANDS) * unit) {
                    place(figures, i, left + float(x) + 0.5f, top + float(y) + 0.5f, u, v);
                    a = clip(0.5f - outline(figures, i, u, v) * unit / soft);
                    if (figures(i, STRANDS) > 0.f) a = fmaxf(a, strand(u, v, figures(i, STRANDS), unit));
                }
            }
            alpha(y, x) = a;
        }
    }
}

KERNEL(paint) {
    float a = layer(y, x);
    if (a > 0.f) {
        float u, v, rgb[3];
        place(figures, i, left + float(x) + 0.5f, top + float(y) + 0.5f, u, v);
        colour(rgb, figures, i, u, v, fmaxf((0.5f - a) * soft + 1.f, 0.5f));
        float share = a / alpha(y, x);
        for (int c = 0; c < 3; ++c) {
            float old = float(foreground(y, x, c));
            float now = fminf(fmaxf(rgb[c] * gain, 0.f), 255.f);
            foreground(y, x, c) = (unsigned char)(int(old + (now - old) * share + 0.5f));
        }
    }
}

// Compositing; see over.py, whose functions these repeat.
static __device__ __forceinline__ float weight(float a) { return a > 0.f ? (a < 1.f ? a : 1.f) : 0.f; }
static __device__ __forceinline__ int share(float a) { return (int)(a * 4194304.f + 0.5f); }
static __device__ __forceinline__ unsigned char mix(int back, int front, int a) {
    return (unsigned char)(back + (((front - back) * a + 2097152) >> 22));
}
static __device__ __forceinline__ int byte(float a) { return (int)(a * 255.f + 0.5f); }
static __device__ __forceinline__ int part(int v, int a) {
    int t = v * a + 128;
    return (t + (t >> 8)) >> 8;
}

KERNEL(over_picture) {
    int a = share(weight(alpha(y, x)));
    for (int c = 0; c < 3; ++c) out(y, x, c) = mix(background(y, x, c), image(y, x, c), a);
}

KERNEL(over_colour) {
    int a = share(weight(alpha(y, x)));
    out(y, x, 0) = mix(red, image(y, x, 0), a);
    out(y, x, 1) = mix(green, image(y, x, 1), a);
    out(y, x, 2) = mix(blue, image(y, x, 2), a);
}

KERNEL(to_straight) {
    int a = byte(weight(alpha(y, x)));
    int shown = a > 0 ? 1 : hidden;
    for (int c = 0; c < 3; ++c) out(y, x, c) = (unsigned char)(image(y, x, c) * shown);
    out(y, x, 3) = (unsigned char)a;
}

KERNEL(to_premultiplied) {
    int a = byte(weight(alpha(y, x)));
    for (int c = 0; c < 3; ++c) out(y, x, c) = (unsigned char)part(image(y, x, c), a);
    out(y, x, 3) = (unsigned char)a;
}

KERNEL(over_straight) {
    int a = layer(y, x, 3);
    for (int c = 0; c < 3; ++c) {
        int t = layer(y, x, c) * a + background(y, x, c) * (255 - a) + 128;
        out(y, x, c) = (unsigned char)((t + (t >> 8)) >> 8);
    }
}

KERNEL(over_premultiplied) {
    int a = layer(y, x, 3);
    for (int c = 0; c < 3; ++c) {
        int b = background(y, x, c);
        int sum = layer(y, x, c) + b - part(b, a);
        out(y, x, c) = (unsigned char)(sum < 255 ? sum : 255);
    }
}

KERNEL(to_grey) {
    unsigned char a = (unsigned char)byte(weight(alpha(y, x)));
    for (int c = 0; c < 3; ++c) out(y, x, c) = a;
}

KERNEL(tint_background) {
    int a = share((1.f - weight(alpha(y, x))) * opacity);
    out(y, x, 0) = mix(image(y, x, 0), red, a);
    out(y, x, 1) = mix(image(y, x, 1), green, a);
    out(y, x, 2) = mix(image(y, x, 2), blue, a);
}

KERNEL(tint_subject) {
    int a = share(weight(alpha(y, x)) * opacity);
    out(y, x, 0) = mix(image(y, x, 0), red, a);
    out(y, x, 1) = mix(image(y, x, 1), green, a);
    out(y, x, 2) = mix(image(y, x, 2), blue, a);
}

KERNEL(tiled) {
    for (int c = 0; c < 3; ++c) out(y, x, c) = source(y % m, x % n, c);
}

KERNEL(filled) {
    out(y, x, 0) = (unsigned char)red;
    out(y, x, 1) = (unsigned char)green;
    out(y, x, 2) = (unsigned char)blue;
}

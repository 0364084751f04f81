// Connected things of a grid; see forest.py.
template <typename P> static __device__ __forceinline__ int root(P parent, int p, int at) {
    for (int up = parent(p, at); up != at; up = parent(p, at)) at = up;
    return at;
}

template <typename P> static __device__ __forceinline__ void unite(P parent, int p, int a, int b) {
    while (a != b) {
        a = root(parent, p, a);
        b = root(parent, p, b);
        int low = min(a, b), high = max(a, b);
        a = low;
        b = low == high ? low : atomicMin(&parent(p, high), low);
        b = b == high ? low : b;
    }
}

KERNEL(plant) {
    int at = 1 + y * n + x;
    bool outside = p == rim && (y == 0 || x == 0 || y == m - 1 || x == n - 1);
    parent(p, at) = member(p, y, x) >= least ? (outside ? 0 : at) : -1;
    for (int q = p; q < planes; q += forests) total(q, at) = 0;
    if (at == 1) {
        parent(p, 0) = 0;
        for (int q = p; q < planes; q += forests) total(q, 0) = 0;
    }
}

KERNEL(link) {
    int at = 1 + y * n + x;
    if (parent(p, at) < 0) return;
    if (x > 0 && parent(p, at - 1) >= 0) unite(parent, p, at, at - 1);
    if (y == 0) return;
    for (int i = max(x - 1, 0); i < min(x + 2, n); ++i) {
        int above = 1 + (y - 1) * n + i;
        if (parent(p, above) >= 0) unite(parent, p, at, above);
    }
}

KERNEL(collect) {
    int p = q % forests, at = 1 + y * n + x;
    if (parent(p, at) < 0) return;
    int top = root(parent, p, at);
    parent(p, at) = top;
    atomicAdd(&total(q, top), int(mass(q, y, x) * unit + 0.5f));
}

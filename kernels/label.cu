// Label masks; see label.py.
KERNEL(label_alpha) { alpha(y, x) = label(y, x) == 255 ? 1.f : 0.f;
}

KERNEL(label_evidence) {
    float e = evidence(y, x);
    if (label(y, x) == 255)
        evidence(y, x) = e > 0.5f ? e : 0.5f;
    else
        evidence(y, x) = e >= 0.5f ? e * 0.5f : e;
}

// Label masks; see label.py.
KERNEL(label_alpha) { alpha(y, x) = label(y, x) == 255 ? 1.f : 0.f;
}

"""Names of the methods of explanation, in a module that is quickly imported."""

from __future__ import annotations

DEFAULT_METHOD = "shap"
"""The one that wins on DS1 (``python -m studies faithfulness``)."""
METHOD_NAMES = {
    "grad-cam": "Grad-CAM",
    "grad-cam++": "Grad-CAM++",
    "integrated-gradients": "integrated gradients",
    "occlusion": "occlusion by waves",
    "shap": "SHAP",
    "lime": "LIME",
}
"""Key of `arrhythmia.explain.methods.METHODS` to how it is called."""

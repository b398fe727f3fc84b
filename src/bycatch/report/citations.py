"""Whom to cite: BibTeX of everything that a run can use."""

from __future__ import annotations

from collections.abc import Iterable

from bycatch.errors import ConfigError, nearest
from bycatch.report.score_citations import SCORE_PAPERS

__all__ = ["CITATIONS", "bibtex"]


def _paper(key: str, authors: str, title: str, year: int, arxiv: str, journal: str = "") -> str:
    lines = [
        f"  author = {{{authors}}}",
        f"  title = {{{{{title}}}}}",
        f"  year = {{{year}}}",
        f"  eprint = {{{arxiv}}}",
        "  archivePrefix = {arXiv}",
    ]
    if journal:
        lines.append(f"  note = {{{journal}}}")
    return f"@article{{{key},\n" + ",\n".join(lines) + ",\n}"


def _work(key: str, kind: str, **fields: str) -> str:
    lines = ",\n".join(f"  {name} = {{{text}}}" for name, text in fields.items())
    return f"@{kind}{{{key},\n{lines},\n}}"


def _entries() -> dict[str, str]:
    scores = {key: _paper(key, *paper) for key, paper in SCORE_PAPERS.items()}
    return _papers() | _jet_papers() | scores | _works()


def _papers() -> dict[str, str]:
    papers = {
        "cwola": (
            "Metodiev, Eric M. and Nachman, Benjamin and Thaler, Jesse",
            "Classification without labels: Learning from mixed samples in high energy physics",
            2017,
            "1708.02949",
            "JHEP 10 (2017) 174",
        ),
        "cwola-hunting": (
            "Collins, Jack H. and Howe, Kiel and Nachman, Benjamin",
            "Anomaly Detection for Resonant New Physics with Machine Learning",
            2018,
            "1805.02664",
            "Phys. Rev. Lett. 121 (2018) 241803",
        ),
        "cwola-hunting-extended": (
            "Collins, Jack H. and Howe, Kiel and Nachman, Benjamin",
            "Extending the search for new resonances with machine learning",
            2019,
            "1902.02634",
            "Phys. Rev. D 99 (2019) 014038",
        ),
        "lhco": (
            "Kasieczka, Gregor and others",
            (
                "The LHC Olympics 2020: a community challenge for anomaly detection in high energy "
                "physics"
            ),
            2021,
            "2101.08320",
            "Rept. Prog. Phys. 84 (2021) 124201",
        ),
        "cathode": (
            "Hallin, Anna and others",
            "Classifying Anomalies THrough Outer Density Estimation (CATHODE)",
            2021,
            "2109.00546",
            "Phys. Rev. D 106 (2022) 055006",
        ),
        "anode": (
            "Nachman, Benjamin and Shih, David",
            "Anomaly Detection with Density Estimation",
            2020,
            "2001.04990",
            "Phys. Rev. D 101 (2020) 075042",
        ),
        "flow-matching": (
            "Lipman, Yaron and others",
            "Flow Matching for Generative Modeling",
            2022,
            "2210.02747",
            "",
        ),
        "sigma": (
            "Das, Ranit and Shih, David",
            "SIGMA: Single Interpolated Generative Model for Anomalies",
            2024,
            "2410.20537",
            "",
        ),
        "maf": (
            "Papamakarios, George and Pavlakou, Theo and Murray, Iain",
            "Masked Autoregressive Flow for Density Estimation",
            2017,
            "1705.07057",
            "Advances in Neural Information Processing Systems 30 (2017)",
        ),
        "neural-spline-flows": (
            "Durkan, Conor and Bekasov, Artur and Murray, Iain and Papamakarios, George",
            "Neural Spline Flows",
            2019,
            "1906.04032",
            "Advances in Neural Information Processing Systems 32 (2019) 7511",
        ),
        "template-bias": (
            (
                "Das, Ranit and Finke, Thorben and Hein, Marie and Kasieczka, Gregor and "
                'Kr{\\"a}mer, Michael and M{\\"u}ck, Alexander and Shih, David'
            ),
            (
                "Accurate and robust methods for direct background estimation in resonant anomaly "
                "detection"
            ),
            2024,
            "2411.00085",
            "",
        ),
        "look-everywhere": (
            "Hein, Marie and Nachman, Benjamin and Shih, David",
            "Look everywhere effects in anomaly detection",
            2025,
            "2512.13787",
            "",
        ),
        "bumphunter": (
            "Choudalakis, Georgios",
            "On hypothesis testing, trials factor, hypertests and the BumpHunter",
            2011,
            "1101.0390",
            "",
        ),
        "asymptotics": (
            "Cowan, Glen and Cranmer, Kyle and Gross, Eilam and Vitells, Ofer",
            "Asymptotic formulae for likelihood-based tests of new physics",
            2010,
            "1007.1727",
            "Eur. Phys. J. C 71 (2011) 1554",
        ),
        "gross-vitells": (
            "Gross, Eilam and Vitells, Ofer",
            "Trial factors for the look elsewhere effect in high energy physics",
            2010,
            "1005.1891",
            "Eur. Phys. J. C 70 (2010) 525",
        ),
        "atlas-dijet": (
            "{ATLAS Collaboration}",
            (
                "Dijet resonance search with weak supervision using sqrt(s) = 13 TeV pp collisions "
                "in the ATLAS detector"
            ),
            2020,
            "2005.02983",
            "Phys. Rev. Lett. 125 (2020) 131801",
        ),
        "cms-dijet": (
            "{CMS Collaboration}",
            (
                "Search for high mass dijet resonances with a new background prediction method in "
                "proton-proton collisions at sqrt(s) = 13 TeV"
            ),
            2019,
            "1911.03947",
            "JHEP 05 (2020) 033",
        ),
        "pythia": (
            "Bierlich, Christian and others",
            "A comprehensive guide to the physics and usage of PYTHIA 8.3",
            2022,
            "2203.11601",
            "SciPost Phys. Codebases 8 (2022)",
        ),
    }
    return {key: _paper(key, *fields) for key, fields in papers.items()}


def _jet_papers() -> dict[str, str]:
    papers = {
        "jet-images": (
            "de Oliveira, Luke and others",
            "Jet-images -- deep learning edition",
            2015,
            "1511.05190",
            "JHEP 07 (2016) 069",
        ),
        "pfn": (
            "Komiske, Patrick T. and Metodiev, Eric M. and Thaler, Jesse",
            "Energy Flow Networks: Deep Sets for Particle Jets",
            2018,
            "1810.05165",
            "JHEP 01 (2019) 121",
        ),
        "part": (
            "Qu, Huilin and Li, Congqiao and Qian, Sitian",
            "Particle Transformer for Jet Tagging",
            2022,
            "2202.03772",
            "",
        ),
        "subjettiness-basis": (
            "Datta, Kaustuv and Larkoski, Andrew",
            "How Much Information is in a Jet?",
            2017,
            "1704.08249",
            "JHEP 06 (2017) 073",
        ),
        "top-landscape": (
            "Butter, Anja and others",
            "The Machine Learning landscape of top taggers",
            2019,
            "1902.09914",
            "SciPost Phys. 7 (2019) 014",
        ),
        "fastjet": (
            "Cacciari, Matteo and Salam, Gavin P. and Soyez, Gregory",
            "FastJet User Manual",
            2011,
            "1111.6097",
            "Eur. Phys. J. C 72 (2012) 1896",
        ),
        "pythia": (
            "Bierlich, Christian and others",
            "A comprehensive guide to the physics and usage of PYTHIA 8.3",
            2022,
            "2203.11601",
            "SciPost Phys. Codebases 8 (2022)",
        ),
    }
    return {key: _paper(key, *fields) for key, fields in papers.items()}


def _works() -> dict[str, str]:
    return {
        "clopper-pearson": _work(
            "clopper-pearson",
            "article",
            author="Clopper, C. J. and Pearson, E. S.",
            title=(
                "The use of confidence or fiducial limits illustrated in the case of the binomial"
            ),
            journal="Biometrika",
            volume="26",
            pages="404--413",
            year="1934",
        ),
        "pareto-tails": _work(
            "pareto-tails",
            "article",
            author="Davison, A. C. and Smith, R. L.",
            title="Models for Exceedances over High Thresholds",
            journal="J. R. Stat. Soc. B",
            volume="52",
            pages="393--442",
            year="1990",
        ),
        "kish": _work(
            "kish",
            "book",
            author="Kish, Leslie",
            title="Survey Sampling",
            publisher="Wiley",
            year="1965",
        ),
        "lightgbm": _work(
            "lightgbm",
            "inproceedings",
            author="Ke, Guolin and others",
            title="LightGBM: A Highly Efficient Gradient Boosting Decision Tree",
            booktitle="Advances in Neural Information Processing Systems 30",
            year="2017",
        ),
        "scikit-learn": _work(
            "scikit-learn",
            "article",
            author="Pedregosa, Fabian and others",
            title="Scikit-learn: Machine Learning in Python",
            journal="Journal of Machine Learning Research",
            volume="12",
            pages="2825--2830",
            year="2011",
            eprint="1201.0490",
        ),
        "pytorch": _work(
            "pytorch",
            "inproceedings",
            author="Paszke, Adam and others",
            title="PyTorch: An Imperative Style, High-Performance Deep Learning Library",
            booktitle="Advances in Neural Information Processing Systems 32",
            year="2019",
            eprint="1912.01703",
        ),
        "isolation-forest": _work(
            "isolation-forest",
            "inproceedings",
            author="Liu, Fei Tony and Ting, Kai Ming and Zhou, Zhi-Hua",
            title="Isolation Forest",
            booktitle="Eighth IEEE International Conference on Data Mining",
            year="2008",
            doi="10.1109/ICDM.2008.17",
        ),
        "mahalanobis": _work(
            "mahalanobis",
            "article",
            author="Mahalanobis, Prasanta Chandra",
            title="On the Generalised Distance in Statistics",
            journal="Proceedings of the National Institute of Sciences of India",
            volume="2",
            pages="49--55",
            year="1936",
        ),
        "peaks-over-threshold": _work(
            "peaks-over-threshold",
            "article",
            author="Pickands, James",
            title="Statistical Inference Using Extreme Order Statistics",
            journal="Annals of Statistics",
            volume="3",
            pages="119--131",
            year="1975",
        ),
        "bycatch": _work(
            "bycatch",
            "misc",
            author="{The bycatch developers}",
            title="bycatch: model-agnostic searches for new physics",
            year="2026",
        ),
    }


CITATIONS: dict[str, str] = _entries()
"""BibTeX by key."""


def bibtex(keys: Iterable[str]) -> str:
    """Return the BibTeX entries of `keys`, each once, in their order.

    Parameters
    ----------
    keys : iterable of str
        Keys of `CITATIONS`.

    Returns
    -------
    str

    Raises
    ------
    ConfigError
        Where a key does not exist.

    Examples
    --------
    >>> print(bibtex(["bumphunter"]).splitlines()[0])
    @article{bumphunter,
    """
    chosen = list(dict.fromkeys(keys))
    for key in chosen:
        if key not in CITATIONS:
            message = f"There is no citation {key!r}; the nearest are {nearest(key, CITATIONS)}."
            raise ConfigError(message)
    return "\n\n".join(CITATIONS[key] for key in chosen)

"""Papers behind the anomaly scores and the trigger."""

from __future__ import annotations

__all__ = ["SCORE_PAPERS"]

SCORE_PAPERS: dict[str, tuple[str, str, int, str, str]] = {
    "deep-autoencoders": (
        "Farina, Marco and Nakai, Yuichiro and Shih, David",
        "Searching for New Physics with Deep Autoencoders",
        2018,
        "1808.08992",
        "Phys. Rev. D 101 (2020) 075021",
    ),
    "qcd-or-what": (
        "Heimel, Theo and Kasieczka, Gregor and Plehn, Tilman and Thompson, Jennifer M.",
        "QCD or What?",
        2018,
        "1808.08979",
        "SciPost Phys. 6 (2019) 030",
    ),
    "disco": (
        "Kasieczka, Gregor and Shih, David",
        "Robust Jet Classifiers through Distance Correlation",
        2020,
        "2001.05310",
        "Phys. Rev. Lett. 125 (2020) 122001",
    ),
    "complexity-bias": (
        "Finke, Thorben and others",
        "Autoencoders for unsupervised anomaly detection in high energy physics",
        2021,
        "2104.09051",
        "JHEP 06 (2021) 161",
    ),
    "vae-mining": (
        (
            "Cerri, Olmo and Nguyen, Thong Q. and Pierini, Maurizio and Spiropulu, Maria and"
            " Vlimant, Jean-Roch"
        ),
        "Variational Autoencoders for New Physics Mining at the Large Hadron Collider",
        2018,
        "1811.10276",
        "JHEP 05 (2019) 036",
    ),
    "iwae": (
        "Burda, Yuri and Grosse, Roger and Salakhutdinov, Ruslan",
        "Importance Weighted Autoencoders",
        2015,
        "1509.00519",
        "",
    ),
    "dirichlet-vae": (
        "Dillon, Barry M. and Plehn, Tilman and Sauer, Christof and Sorrenson, Peter",
        "Better Latent Spaces for Better Autoencoders",
        2021,
        "2104.08291",
        "SciPost Phys. 11 (2021) 061",
    ),
    "sliced-wasserstein-autoencoder": (
        "Kolouri, Soheil and Pope, Phillip E. and Martin, Charles E. and Rohde, Gustavo K.",
        "Sliced-Wasserstein Autoencoder: An Embarrassingly Simple Generative Model",
        2018,
        "1804.01947",
        "",
    ),
    "otus": (
        "Howard, Jessica N. and Mandt, Stephan and Whiteson, Daniel and Yang, Yibo",
        "Learning to simulate high energy particle collisions from unlabeled data",
        2021,
        "2101.08944",
        "Sci. Rep. 12 (2022) 7567",
    ),
    "normalized-autoencoder": (
        "Yoon, Sangwoong and Noh, Yung-Kyun and Park, Frank Chongwoo",
        "Autoencoding Under Normalization Constraints",
        2021,
        "2105.05735",
        "",
    ),
    "normalized-autoencoder-jets": (
        (
            "Dillon, Barry M. and Favaro, Luigi and Plehn, Tilman and Sorrenson, Peter and"
            ' Kr{\\"a}mer, Michael'
        ),
        "A Normalized Autoencoder for LHC Triggers",
        2022,
        "2206.14225",
        "SciPost Phys. Core 6 (2023) 074",
    ),
    "wasserstein-normalized-autoencoder": (
        "{CMS Collaboration}",
        "Wasserstein normalized autoencoder for anomaly detection",
        2025,
        "2510.02168",
        "",
    ),
    "annealed-importance-sampling": (
        "Neal, Radford M.",
        "Annealed Importance Sampling",
        1998,
        "physics/9803008",
        "Stat. Comput. 11 (2001) 125",
    ),
    "topological-obstructions": (
        "Batson, Joshua and Haaf, C. Grace and Kahn, Yonatan and Roberts, Daniel A.",
        "Topological Obstructions to Autoencoding",
        2021,
        "2102.08380",
        "JHEP 04 (2021) 280",
    ),
    "attention": (
        "Bahdanau, Dzmitry and Cho, Kyunghyun and Bengio, Yoshua",
        "Neural Machine Translation by Jointly Learning to Align and Translate",
        2014,
        "1409.0473",
        "",
    ),
    "gru": (
        (
            'Cho, Kyunghyun and van Merri{\\"e}nboer, Bart and Gulcehre, Caglar and Bahdanau,'
            " Dzmitry and Bougares, Fethi and Schwenk, Holger and Bengio, Yoshua"
        ),
        (
            "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine"
            " Translation"
        ),
        2014,
        "1406.1078",
        "",
    ),
    "scheduled-sampling": (
        "Bengio, Samy and Vinyals, Oriol and Jaitly, Navdeep and Shazeer, Noam",
        "Scheduled Sampling for Sequence Prediction with Recurrent Neural Networks",
        2015,
        "1506.03099",
        "Advances in Neural Information Processing Systems 28 (2015)",
    ),
    "jet-clr": (
        (
            'Dillon, Barry M. and Kasieczka, Gregor and Olischl{\\"a}ger, Hans and Plehn, Tilman'
            " and Sorrenson, Peter and Vogel, Lorenz"
        ),
        "Symmetries, Safety, and Self-Supervision",
        2021,
        "2108.04253",
        "SciPost Phys. 12 (2022) 188",
    ),
    "anomaly-clr": (
        (
            "Dillon, Barry M. and Favaro, Luigi and Feiden, Friedrich and Modak, Tanmoy and"
            " Plehn, Tilman"
        ),
        "Anomalies, Representations, and Self-Supervision",
        2023,
        "2301.04660",
        "SciPost Phys. Core 7 (2024) 056",
    ),
    "adc2021": (
        "Govorkova, Ekaterina and others",
        "LHC physics dataset for unsupervised New Physics detection at 40 MHz",
        2021,
        "2107.02157",
        "Sci. Data 9 (2022) 118",
    ),
    "trigger-autoencoders": (
        "Govorkova, Ekaterina and others",
        (
            "Autoencoders on field-programmable gate arrays for real-time, unsupervised new physics"
            " detection at 40 MHz at the Large Hadron Collider"
        ),
        2021,
        "2108.03986",
        "Nature Mach. Intell. 4 (2022) 154",
    ),
    "hls4ml": (
        "Duarte, Javier and others",
        "Fast inference of deep neural networks in FPGAs for particle physics",
        2018,
        "1804.06913",
        "JINST 13 (2018) P07027",
    ),
    "dark-machines": (
        "Aarrestad, Thea and others",
        (
            "The Dark Machines Anomaly Score Challenge: Benchmark Data and Model Independent Event"
            " Classification for the Large Hadron Collider"
        ),
        2021,
        "2105.14027",
        "SciPost Phys. 12 (2022) 043",
    ),
}
"""Authors, title, year, arXiv number and journal, by key."""

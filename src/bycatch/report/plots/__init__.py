"""One file per figure; every function takes a result or arrays and returns the Figure.

What to use when: `spectrum` for counts, fit and pulls; `pvalue_scan` for local p against mass;
`toys` for where the global p comes from; `features` for what sets the selected events apart;
`curves` for how training went; `roc` where truth is known.
"""

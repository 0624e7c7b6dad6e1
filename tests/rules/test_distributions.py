"""torch.distributions in forward: their checks of values pass, and every call of theirs has a rule."""

import pytest
import torch
from torch import distributions as D

from analyzer import TensorSpec, analyze

from .conftest import metadata

X = torch.rand(3, 5) + 0.5

FAMILIES = {
    "Normal": lambda x: D.Normal(x, x),
    "LogNormal": lambda x: D.LogNormal(x, x),
    "Laplace": lambda x: D.Laplace(x, x),
    "Gamma": lambda x: D.Gamma(x, x),
    "Beta": lambda x: D.Beta(x, x),
    "Dirichlet": lambda x: D.Dirichlet(x),
    "StudentT": lambda x: D.StudentT(x, x, x),
    "Exponential": lambda x: D.Exponential(x),
    "Uniform": lambda x: D.Uniform(x, x + 1),
    "Independent": lambda x: D.Independent(D.Normal(x, x), 1),
    "Categorical": lambda x: D.Categorical(logits=x),
    "Categorical of probabilities": lambda x: D.Categorical(x),
    "OneHotCategorical": lambda x: D.OneHotCategorical(logits=x),
    "Bernoulli": lambda x: D.Bernoulli(logits=x),
    "Poisson": lambda x: D.Poisson(x),
    "NegativeBinomial": lambda x: D.NegativeBinomial(x, logits=x),
    "Squashed": lambda x: D.TransformedDistribution(D.Normal(x, x), D.TanhTransform()),
    "MixtureSameFamily": lambda x: D.MixtureSameFamily(D.Categorical(logits=x), D.Normal(x, x)),
    "LowRankMultivariateNormal": lambda x: D.LowRankMultivariateNormal(x, x[..., None], x),
}


@pytest.fixture(autouse=True)
def validated(monkeypatch):
    """Checks are on, which other libraries turn off for all."""
    monkeypatch.setattr(D.Distribution, "_validate_args", True)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_a_sample_and_its_likelihood(family):
    def model(x):
        distribution = family(x)
        sample = distribution.sample((2,))
        return sample, distribution.log_prob(sample)

    answer = analyze(model, (TensorSpec((3, 5)),))
    assert metadata(answer.outputs) == metadata(model(X))
    assert {node.status for node in answer.graph.nodes()} == {"ruled"}
    assert "check" in {item.code for item in answer.diagnostics}


def test_a_multivariate_normal():
    def model(x):
        distribution = D.MultivariateNormal(x, scale_tril=torch.diag_embed(x))
        return distribution.rsample((2,)), D.kl_divergence(distribution, distribution)

    answer = analyze(model, (TensorSpec((3, 5)),))
    assert metadata(answer.outputs) == metadata(model(X))
    assert {node.status for node in answer.graph.nodes()} == {"ruled"}

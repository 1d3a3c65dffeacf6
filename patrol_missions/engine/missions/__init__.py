"""From a forecast to missions: weights, inclusion probabilities, the draw and the plan."""

"""The council's own people and words: councillors, officers, response teams, notices."""

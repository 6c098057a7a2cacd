"""retried"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tried_again = sa.text("tries > 1")
    op.create_index("ix_deliveries_retried", "deliveries", ["batch"], sqlite_where=tried_again, postgresql_where=tried_again)


def downgrade() -> None:
    op.drop_index("ix_deliveries_retried", "deliveries")

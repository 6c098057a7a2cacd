"""indexes of what is seldom: deliveries that were tried again, and addresses that are to be confirmed"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tried_again = sa.text("tries > 1")
    op.create_index("ix_deliveries_retried", "deliveries", ["batch"], sqlite_where=tried_again, postgresql_where=tried_again)
    is_given = sa.text("email_to_confirm IS NOT NULL")
    op.create_index("ix_residents_email_to_confirm", "residents", ["email_to_confirm"], sqlite_where=is_given, postgresql_where=is_given)


def downgrade() -> None:
    op.drop_index("ix_residents_email_to_confirm", "residents")
    op.drop_index("ix_deliveries_retried", "deliveries")
